// A sheet of pictures: views of one image, neighbours of a query, what a run has learned.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "vistas/look/colour.h"
#include "vistas/vision/sources/image.h"

namespace vistas::look {

constexpr Colour kRight = {34, 139, 84}, kWrong = {201, 60, 50};  // frames of hits and misses

struct GridCell {
  vision::ImageView picture;  // any size and type; 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA, more:
                              // the first three; no rows leaves the cell empty
  std::string caption{};      // one line, cut to the cell; other than ASCII shows as "?"
  std::optional<Colour> frame{};
};

struct GridOptions {
  int columns = 0;  // 0: about as many as rows
  int cell = 128;   // pixels a side that a picture is fitted into
  int gap = 10;
  std::string title{};
  Colour background = kPaper, ink = kInk;
};

// RGB, 8 bit. Pictures keep their shape: larger ones are averaged down to the cell, smaller ones
// are enlarged by whole factors so that every pixel stays a square. Captions stand below them, in
// letters of 9 pixels, or 18 in cells of 200 and more.
vision::Image compose_grid(std::span<const GridCell> cells, const GridOptions& options = {});

}  // namespace vistas::look

// A web page of pictures beside each other, queries and their nearest neighbours for example, that
// needs nothing beside itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vistas::look {

struct GalleryPicture {
  std::string path;     // shown, and linked where `bytes` is empty
  std::string bytes{};  // an encoded PNG, JPEG, WebP, GIF or BMP file, put into the page
  std::string label{};
  std::optional<double> score{};
  std::optional<bool> right{};  // marks hits and misses
};

struct GalleryRow {
  GalleryPicture query;
  std::vector<GalleryPicture> neighbours;
};

// What stands above the pictures.
struct GalleryNotes {
  std::vector<std::string> warnings{};
  std::vector<std::vector<std::string>> table{};  // a header, and rows; none if empty
};

// A whole HTML page; `subtitle` says how it was made. Text is escaped, links are percent-encoded,
// nothing is loaded from a network, colours follow the reader's light or dark setting.
std::string gallery_page(const std::string& title, const std::string& subtitle,
                         const std::vector<GalleryRow>& rows, const GalleryNotes& notes = {});

}  // namespace vistas::look

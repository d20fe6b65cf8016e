// The file of a SentencePiece model (sentencepiece_model.proto), as far as ids depend on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vistas::text {

enum class PieceType : uint64_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6,
};

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::normal;

  bool operator==(const Piece&) const = default;
};

struct PieceModel {
  std::vector<Piece> pieces{};
  bool bpe = false;  // otherwise unigram
  bool byte_fallback = false;
  std::string normalization{};  // the name of its rules: "nmt_nfkc_cf"
  std::string charsmap{};       // what they do

  // The place of the one unknown piece, -1 without.
  int64_t unknown() const;
  bool operator==(const PieceModel&) const = default;
};

std::string write_piece_model(const PieceModel& model);

// A data error that names `name` where the file is damaged, or where the model treats spaces in
// another way than by one U+2581 before each word.
PieceModel read_piece_model(std::string_view file, const std::string& name);

// What is wrong with SentencePiece's table of characters and what they become, "" if nothing is:
// its length in bytes, a double-array trie, texts that end with zero bytes. The library itself goes
// wherever the table sends it.
std::string fault_of_charsmap(std::string_view charsmap);

}  // namespace vistas::text

// One record of a text file and its fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vistas::text {

enum class TextFormat { lines, tsv, csv, jsonl };

inline std::vector<std::pair<std::string, TextFormat>> text_formats() {
  return {{"lines", TextFormat::lines},
          {"tsv", TextFormat::tsv},
          {"csv", TextFormat::csv},
          {"jsonl", TextFormat::jsonl}};
}

// Bytes from the start of `rest` to the start of the next record. Records end with a line, in CSV
// with one outside quotes; a quote that is not closed within `longest` bytes ends with its line.
size_t record_length(std::string_view rest, TextFormat format, size_t longest);

// The next three replace what they fill, whose strings are used again, and return what is wrong
// with the record, "" if nothing is. Line ends are not part of a record.

// Lines and TSV take the text as it stands; in CSV fields may stand in quotes, "" is one quote
// (RFC 4180).
std::string split_record(std::string_view record, TextFormat format,
                         std::vector<std::string>& fields);

// The members named by `columns` of a JSON object, texts or numbers; "" for one that is not there.
// A list of texts fills the columns "name[0]", "name[1]" ...
// `beyond` is how many texts lists have beyond those columns.
std::string split_json(std::string_view record, const std::vector<std::string>& columns,
                       std::vector<std::string>& fields, int64_t& beyond);

// The columns of a JSON object in their order: every member that is a text, a number or a list of
// texts.
std::string json_columns(std::string_view record, std::vector<std::string>& columns);

// Spaces around it do not count; NaN for what is no finite number.
double number_in(std::string_view text);

bool is_number(std::string_view text);

bool is_blank(std::string_view text);

}  // namespace vistas::text

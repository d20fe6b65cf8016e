// Rows of texts in a file of any size: read once to find the rows, then row by row in any order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/files.h"
#include "vistas/base/options.h"
#include "vistas/base/text_input.h"
#include "vistas/text/sources/records.h"

namespace vistas::text {

struct TextFileOptions {
  std::string format = "auto";
  std::string header = "auto";
  std::string on_bad_line = "skip";
  int64_t longest_line = 1 << 20;

  void fields(Fields& f) {
    f.add("format", format, "of the file; auto: by its name, else by its first lines",
          {"auto", "lines", "tsv", "csv", "jsonl"});
    f.add("header", header, "whether the first row of a TSV or CSV file names the columns",
          {"auto", "yes", "no"});
    f.add("on_bad_line", on_bad_line, "what to do with a line that cannot be used",
          {"skip", "fail"});
    f.add("longest_line", longest_line, "bytes; a longer one is a bad line", {1, 1e9});
  }
};

// Files whose name ends in .gz are unpacked into a temporary file. Empty lines are passed over.
// Bad are: invalid UTF-8, another number of columns than the first row has, no JSON, a line that is
// too long. Safe for many threads.
class TextFile {
 public:
  // Errors call the file `name`, its path where that is "".
  explicit TextFile(const std::filesystem::path& path, const TextFileOptions& options = {},
                    const std::string& name = "");

  int64_t size() const { return static_cast<int64_t>(starts_.size()); }
  // The fields of row i, one a column.
  void read(int64_t i, std::vector<std::string>& fields) const;

  // Forgets the rows whose fields the function is true of; returns how many there were. A data
  // error if none is left.
  int64_t remove_rows(const std::function<bool(const std::vector<std::string>&)>& wanted);
  // Leaves out as bad lines, or refuses as on_bad_line says, the rows of whose fields the function
  // says what is wrong ("": nothing). A data error if none is left.
  void leave_out(const std::function<std::string(const std::vector<std::string>&)>& wrong);
  // Bytes of row i in the file, with what stands before the next row.
  int64_t row_bytes(int64_t i) const;

  const std::string& name() const { return name_; }
  TextFormat format() const { return format_; }
  bool has_header() const { return header_; }
  // Names from the header or of JSON members, otherwise "column 1", "column 2" ...
  const std::vector<std::string>& columns() const { return columns_; }
  const BadLines& bad() const { return bad_; }
  // Rows of JSON whose lists have more texts than the first row's, which are not used.
  int64_t longer_lists() const { return longer_lists_; }
  // What a reader of a result must know: bad lines and longer lists; "" if there are none.
  std::string left_out() const;
  // Of all bytes of the file.
  uint64_t fingerprint() const;

 private:
  void find_rows();
  std::string what_is_wrong(std::string_view text, std::vector<std::string>& fields);
  void take_header(const std::string& option);
  void note_bad(int64_t line, const std::string& wrong);
  std::string_view record(size_t start) const;
  std::string split(std::string_view record, std::vector<std::string>& fields,
                    int64_t* beyond = nullptr) const;

  std::string name_;
  MappedFile file_;
  std::string_view content_;
  TextFormat format_ = TextFormat::lines;
  bool header_ = false;
  bool fails_ = false;  // at a bad line
  size_t longest_ = 0;
  int64_t longer_lists_ = 0;
  std::vector<std::string> columns_;
  std::vector<uint64_t> starts_;  // byte of each good row
  BadLines bad_;
};

}  // namespace vistas::text

// What the readers of evaluation sets share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/tasks/eval_sets.h"

namespace vistas::text {

bool is_blank(std::string_view text);

// NaN for what is no number.
double number_of(std::string_view text);

// The name without folder, ".gz" and ending.
std::string stem_of(const std::filesystem::path& path);

// Every line of a file without its end, empty ones too.
std::vector<std::string> lines_of(const std::filesystem::path& path);

// Every row's fields, one row after another.
void for_each_row(const TextFile& file,
                  const std::function<void(const std::vector<std::string>&)>& use);

// The number of a column of that name; -1 or a data error where there is none.
int64_t column_named(const TextFile& file, const std::string& name, bool needed = true);

// Counts rows that were left out and says so.
class SkippedRows {
 public:
  explicit SkippedRows(const std::filesystem::path& path) : path_(path.string()) {}
  void add() { ++count_; }
  void tell(Notes& notes) const;
  void tell(const BadLines& bad, Notes& notes) const;  // and what the file itself left out

 private:
  std::string path_;
  int64_t count_ = 0;
};

Error wrong_layout(const TextFile& file, const Layout& layout, const std::string& expected);
Error nothing_left(const std::filesystem::path& path, const std::string& what);

}  // namespace vistas::text

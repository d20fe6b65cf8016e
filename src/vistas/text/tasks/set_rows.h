// What the readers of evaluation sets share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/tasks/eval_sets.h"

namespace vistas::text {

// The name without folder, ".gz" and ending.
std::string stem_of(const std::filesystem::path& path);

// Every line of a file without its end, empty ones too.
std::vector<std::string> lines_of(const std::filesystem::path& path);

// Every row's fields, one row after another.
void for_each_row(const TextFile& file,
                  const std::function<void(const std::vector<std::string>&)>& use);

// The number of a column of that name; -1 or a data error where there is none.
int64_t column_named(const TextFile& file, const std::string& name, bool needed = true);

// Counts rows that are left out and says so, or refuses the first, as on_bad_line says.
class SkippedRows {
 public:
  SkippedRows(std::string name, const TextFileOptions& options)
      : name_(std::move(name)), fails_(options.on_bad_line == "fail") {}
  void add();
  void tell(Notes& notes) const;

 private:
  std::string name_;
  bool fails_;
  int64_t count_ = 0;
};

// What the file itself has left out.
void tell_left_out(const TextFile& file, Notes& notes);

Error wrong_layout(const TextFile& file, const Layout& layout, const std::string& expected);
Error nothing_left(const std::filesystem::path& path, const std::string& what);

}  // namespace vistas::text

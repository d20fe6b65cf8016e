#include "vistas/text/tasks/set_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "vistas/base/files.h"

namespace fs = std::filesystem;

namespace vistas::text {

std::string stem_of(const fs::path& path) {
  fs::path name = path.filename();
  if (name.extension() == ".gz") name = name.stem();
  return name.stem().string();
}

std::vector<std::string> lines_of(const fs::path& path) {
  const std::string content = read_file(path);
  std::vector<std::string> lines;
  for (size_t at = 0; at < content.size();) {
    const size_t end = std::min(content.find('\n', at), content.size());
    lines.push_back(content.substr(at, end - at));
    if (lines.back().ends_with('\r')) lines.back().pop_back();
    at = end + 1;
  }
  return lines;
}

void for_each_row(const TextFile& file,
                  const std::function<void(const std::vector<std::string>&)>& use) {
  std::vector<std::string> fields;
  for (int64_t i = 0; i < file.size(); ++i) {
    file.read(i, fields);
    use(fields);
  }
}

int64_t column_named(const TextFile& file, const std::string& name, bool needed) {
  const auto found = std::ranges::find(file.columns(), name);
  if (found != file.columns().end()) return found - file.columns().begin();
  if (!needed) return -1;
  throw Error(ErrorKind::data,
              {.what = file.name() + ": no column '" + name + "'",
               .got = fmt::format("the columns {}", fmt::join(file.columns(), ", "))});
}

void SkippedRows::add() {
  ++count_;
  if (!fails_) return;
  throw Error(ErrorKind::data, {.what = name_,
                                .got = "a row without a text or a value",
                                .fix = "Mend the row, or leave such rows out with "
                                       "on_bad_line = \"skip\""});
}

void SkippedRows::tell(Notes& notes) const {
  if (count_ == 0) return;
  notes.push_back(fmt::format("{}: {} without a text or a value {} left out", name_,
                              count_ == 1 ? "1 row" : fmt::format("{} rows", count_),
                              count_ == 1 ? "was" : "were"));
}

void tell_left_out(const TextFile& file, Notes& notes) {
  if (!file.left_out().empty()) notes.push_back(file.name() + ": " + file.left_out());
}

Error wrong_layout(const TextFile& file, const Layout& layout, const std::string& expected) {
  return Error(
      ErrorKind::data,
      {.what = file.name() + ": its columns", .got = describe(layout, file), .expected = expected});
}

Error nothing_left(const fs::path& path, const std::string& what) {
  return Error(ErrorKind::data, {.what = path.string(), .got = "no " + what});
}

}  // namespace vistas::text

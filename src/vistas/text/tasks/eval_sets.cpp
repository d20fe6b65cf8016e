#include "vistas/text/tasks/eval_sets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "vistas/base/strings.h"
#include "vistas/text/tasks/set_rows.h"

namespace fs = std::filesystem;

namespace vistas::text {
namespace {

// The two files that begin with `prefix` and a dot, in the order of the languages in its name.
std::pair<fs::path, fs::path> sides_of(const fs::path& prefix) {
  const std::string start = prefix.filename().string() + ".";
  const fs::path folder = prefix.has_parent_path() ? prefix.parent_path() : fs::path(".");
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename().string().starts_with(start)) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  if (files.size() != 2) {
    throw Error(
        ErrorKind::data,
        {.what = prefix.string() + ": translations",
         .got =
             fmt::format("no file of that name, and {} that begin with it and a dot", files.size()),
         .expected = "a file with two columns of texts, or two files of which this is the "
                     "name without its ending, as por-eng for por-eng.por and por-eng.eng"});
  }
  const std::string name = prefix.filename().string();
  const auto place = [&](const fs::path& path) {
    return name.find(path.extension().string().substr(1));
  };
  if (place(files[1]) < place(files[0])) std::swap(files[0], files[1]);
  return {files[0], files[1]};
}

Bitext read_sides(const fs::path& prefix, const TextFileOptions& options) {
  const auto [a, b] = sides_of(prefix);
  std::vector<std::string> first = lines_of(a), second = lines_of(b);
  if (first.size() != second.size()) {
    throw Error(
        ErrorKind::data,
        {.what = fmt::format("{} and {}", a.string(), b.string()),
         .got = fmt::format("{} and {} lines", first.size(), second.size()),
         .expected = "as many lines, line n of one the translation of line n of the other"});
  }
  Bitext out{.name = prefix.filename().string(),
             .first_name = a.extension().string().substr(1),
             .second_name = b.extension().string().substr(1)};
  SkippedRows skipped(prefix.string(), options);
  for (size_t i = 0; i < first.size(); ++i) {
    const auto usable = [](const std::string& text) {
      return !is_blank(text) && find_invalid_utf8(text) == std::string_view::npos;
    };
    if (!usable(first[i]) || !usable(second[i])) {
      skipped.add();
      continue;
    }
    out.first.push_back(std::move(first[i]));
    out.second.push_back(std::move(second[i]));
  }
  skipped.tell(out.notes);
  if (out.first.empty()) throw nothing_left(prefix, "pair of lines with a text in both");
  return out;
}

}  // namespace

std::vector<std::string_view> views_of(std::span<const std::string> texts) {
  return {texts.begin(), texts.end()};
}

Corpus read_corpus(const fs::path& path, const ReadOptions& options) {
  TextFile file(path, options.file, options.name);
  Layout layout = layout_of(file, options.layout);
  const int64_t id = options.id.empty() ? -1 : column_named(file, options.id, true);
  std::erase(layout.texts, id);
  if (id >= 0 && layout.texts.size() != 1) {
    throw Error(ErrorKind::usage, {.what = file.name() + ": texts named by column " + options.id,
                                   .got = fmt::format("{} columns of texts", layout.texts.size()),
                                   .fix = "Name the one to read: --columns NAME"});
  }
  if (options.file.on_bad_line == "fail") leave_out_unusable(file, {.texts = layout.texts});
  Corpus out;
  SkippedRows skipped(file.name(), options.file);
  for_each_row(file, [&](const std::vector<std::string>& fields) {
    for (const int64_t column : layout.texts) {
      const std::string& text = fields[static_cast<size_t>(column)];
      if (is_blank(text)) {
        skipped.add();
      } else {
        out.texts.push_back(text);
        if (id >= 0) out.ids.push_back(fields[static_cast<size_t>(id)]);
      }
    }
  });
  tell_left_out(file, out.notes);
  skipped.tell(out.notes);
  if (out.texts.empty()) throw nothing_left(file.name(), "text");
  return out;
}

LabelledTexts read_labelled(const fs::path& path, const ReadOptions& options) {
  TextFile file(path, options.file);
  const Layout layout = layout_of(file, options.layout);
  if (layout.kind != LayoutKind::labelled) throw wrong_layout(file, layout, "a text and its label");
  LabelledTexts out{.name = stem_of(path)};
  leave_out_unusable(file, layout);
  tell_left_out(file, out.notes);
  const int64_t split = column_named(file, "split", false);
  std::vector<std::string> labels;
  for_each_row(file, [&](const std::vector<std::string>& fields) {
    out.texts.push_back(fields[static_cast<size_t>(layout.texts[0])]);
    labels.push_back(fields[static_cast<size_t>(layout.label)]);
    if (split >= 0) out.splits.push_back(fields[static_cast<size_t>(split)]);
  });
  const std::set<std::string> classes(labels.begin(), labels.end());
  out.classes.assign(classes.begin(), classes.end());
  for (const std::string& label : labels) {
    out.labels.push_back(std::ranges::lower_bound(out.classes, label) - out.classes.begin());
  }
  if (out.classes.size() < 2) {
    throw Error(ErrorKind::data, {.what = path.string() + ": labels",
                                  .got = fmt::format("{}", fmt::join(out.classes, ", ")),
                                  .expected = "two different ones or more"});
  }
  return out;
}

Bitext read_bitext(const fs::path& path, const ReadOptions& options) {
  if (!fs::is_regular_file(path)) return read_sides(path, options.file);
  TextFile file(path, options.file);
  const Layout layout = layout_of(file, options.layout);
  if (layout.texts.size() != 2) throw wrong_layout(file, layout, "two texts, translations");
  const auto a = static_cast<size_t>(layout.texts[0]), b = static_cast<size_t>(layout.texts[1]);
  Bitext out{
      .name = stem_of(path), .first_name = file.columns()[a], .second_name = file.columns()[b]};
  leave_out_unusable(file, {.texts = layout.texts});
  tell_left_out(file, out.notes);
  for_each_row(file, [&](const std::vector<std::string>& fields) {
    out.first.push_back(fields[a]);
    out.second.push_back(fields[b]);
  });
  return out;
}

}  // namespace vistas::text

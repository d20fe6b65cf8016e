#include "vistas/app/item_lists.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <sstream>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

constexpr size_t kShown = 3;  // lists

// The ids of a file, one a line, or of a text, between commas.
std::vector<std::string> ids_of(const std::string& text) {
  const bool file = fs::is_regular_file(text);
  std::istringstream stream(file ? read_file(text) : text);
  std::vector<std::string> out;
  for (std::string id; std::getline(stream, id, file ? '\n' : ',');) {
    if (id.ends_with('\r')) id.pop_back();
    if (!id.empty()) out.push_back(id);
  }
  return out;
}

// Sets the marks of the items of an option's text.
void mark(const recommend::IdTable& items, const std::string& option, const std::string& text,
          bool value, std::vector<bool>& marks) {
  const auto ids = ids_of(text);
  std::vector<std::string> unknown;
  for (const std::string& id : ids) {
    const int32_t item = items.find(id);
    if (item < 0) {
      unknown.push_back(id);
    } else {
      marks[static_cast<size_t>(item)] = value;
    }
  }
  if (unknown.size() == ids.size()) {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{} {}", option, text),
                 .got = ids.empty() ? "no id" : fmt::format("no item of the run, '{}'", ids[0]),
                 .expected = fmt::format("a file with the id of an item a line, or ids between "
                                         "commas, such as '{}'",
                                         items.size() > 0 ? items[0] : "")});
  }
  if (!unknown.empty()) {
    fmt::print(stderr, "{}: {} of {} ids {} no item of the run, such as '{}'\n", option,
               unknown.size(), ids.size(), unknown.size() == 1 ? "is" : "are", unknown[0]);
  }
}

}  // namespace

std::vector<int64_t> numbers_of(const recommend::IdTable& ids,
                                const std::vector<std::string>& names, const std::string& what) {
  std::vector<int64_t> out;
  for (const std::string& name : names) {
    out.push_back(ids.find(name));
    if (out.back() >= 0) continue;
    throw Error(ErrorKind::data, {.what = fmt::format("{} '{}'", what, name),
                                  .got = "none of that id in the run's data",
                                  .expected = fmt::format("one of its {}, such as '{}'", ids.size(),
                                                          ids.size() > 0 ? ids[0] : "")});
  }
  return out;
}

std::vector<int64_t> numbers_or_all(const recommend::IdTable& ids,
                                    const std::vector<std::string>& names,
                                    const std::string& what) {
  if (names != std::vector<std::string>{"all"}) return numbers_of(ids, names, what);
  std::vector<int64_t> out(static_cast<size_t>(ids.size()));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

std::vector<bool> allowed_items(const recommend::IdTable& items, const std::string& allow,
                                const std::string& exclude) {
  std::vector<bool> out(static_cast<size_t>(items.size()), allow.empty());
  if (!allow.empty()) mark(items, "--allow", allow, true, out);
  if (!exclude.empty()) mark(items, "--exclude", exclude, false, out);
  if (std::ranges::find(out, true) == out.end()) {
    throw Error(ErrorKind::data, {.what = "--allow and --exclude", .got = "no item left to list"});
  }
  return out;
}

void print_lists(const Context& context, const RankedLists& lists, const std::string& out) {
  const int64_t width = lists.found.indices.size(1);
  const auto* indices = lists.found.indices.const_data_ptr<int64_t>();
  const auto* scores = lists.found.scores.const_data_ptr<float>();
  const std::string listed = lists.listed == lists.asker ? "similar" : lists.listed;
  std::string lines = fmt::format("{}\t{}\t{}\n", lists.asker, listed, lists.score);
  nlohmann::json json = nlohmann::json::array();
  for (size_t q = 0; q < lists.names.size(); ++q) {
    const std::string& name = lists.names[q];
    look::Table table({"", lists.score, lists.heading + name});
    nlohmann::json list = nlohmann::json::array();
    for (int64_t j = 0; j < width; ++j) {
      const auto at = static_cast<int64_t>(q) * width + j;
      if (indices[at] < 0) break;
      const std::string_view id = (*lists.ids)[indices[at]];
      lines += fmt::format("{}\t{}\t{:.6g}\n", name, id, scores[at]);
      table.add({fmt::to_string(j + 1), fmt::format("{:.4f}", scores[at]), std::string(id)});
      list.push_back({{lists.listed, id}, {lists.score, scores[at]}});
    }
    if (q < kShown) context.print(table.str(context.color, context.width) + "\n");
    json.push_back({{lists.asker, name}, {lists.key, list}});
  }
  const auto count = static_cast<int64_t>(lists.names.size());
  if (lists.names.size() > kShown) context.print(fmt::format("... of {} lists\n", count));
  if (!out.empty()) {
    write_file_atomic(out, lines);
    context.print(fmt::format("{}: {}\n", out, look::counted(count, "list")));
  }
  context.write_json(json);
}

void add_lists_option(CLI::App& app, std::string& out, const std::string& columns) {
  app.add_option("-o,--out", out, "TSV file: " + columns + ", best first")
      ->type_name("FILE")
      ->group("Output");
}

}  // namespace vistas::app

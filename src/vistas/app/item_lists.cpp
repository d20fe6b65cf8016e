#include "vistas/app/item_lists.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <numeric>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"

namespace vistas::app {
namespace {

constexpr size_t kShown = 3;  // lists

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

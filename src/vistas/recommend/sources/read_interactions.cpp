#include "vistas/recommend/sources/read_interactions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "vistas/base/error.h"
#include "vistas/base/threads.h"
#include "vistas/recommend/sources/arrange.h"
#include "vistas/recommend/sources/rows.h"

namespace vistas::recommend {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPartBytes = 1 << 20;
constexpr int64_t kAhead = 16;

// About kPartBytes of lines off the front.
std::string_view take_part(std::string_view& rest) {
  const size_t end =
      rest.size() <= kPartBytes ? std::string_view::npos : rest.find('\n', kPartBytes);
  const std::string_view part = rest.substr(0, end == std::string_view::npos ? end : end + 1);
  rest.remove_prefix(part.size());
  return part;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Ids of all files, and the rows of each.
class Reader {
 public:
  Reader(const InteractionOptions& options, ReadReport& report, int threads)
      : options_(options), report_(report), threads_(threads > 0 ? threads : available_cores()) {}

  void read(const fs::path& path);
  std::vector<Interactions> finish();

 private:
  void merge(const Part& part);
  void note_bad(const std::string& name, int64_t first_line, const Part& part);

  const InteractionOptions& options_;
  ReadReport& report_;
  int threads_;
  IdTable users_, items_;
  std::vector<Rows> files_;
};

// Parts are parsed side by side with numbers of their own, then joined in file order: the numbers
// are the same for any number of threads, and ids are looked up in the large table once a part.
void Reader::read(const fs::path& path) {
  const MappedFile file = map_text_file(path);
  const std::string name = path.string();
  std::string_view rest = text_of(file);
  const FileLayout layout = detect_layout(rest, name, options_);
  report_.layouts.push_back(name + ": " + layout.describe());
  Rows& rows = files_.emplace_back();
  int64_t line = 1;
  for (bool header = layout.header; header; ++line)
    header = without_blanks(take_line(rest)).empty();
  const double bytes = static_cast<double>(rest.size());
  std::vector<Part> parts(static_cast<size_t>(2 * threads_));
  std::vector<std::string_view> texts;
  while (!rest.empty()) {
    texts.clear();
    while (!rest.empty() && texts.size() < parts.size()) texts.push_back(take_part(rest));
    const auto count = static_cast<int64_t>(texts.size());
    parallel_for(count, threads_, [&](int64_t i, int) {
      parse_part(texts[static_cast<size_t>(i)], layout, parts[static_cast<size_t>(i)]);
    });
    for (size_t i = 0; i < texts.size(); ++i) {
      note_bad(name, line, parts[i]);
      line += parts[i].lines;
      merge(parts[i]);
    }
    // From what was read so far: without it a growing column is copied again and again.
    const double share = 1 - static_cast<double>(rest.size()) / bytes;
    const auto expected = static_cast<size_t>(1.02 * static_cast<double>(rows.item.size()) / share);
    if (rest.empty() || rows.item.capacity() >= expected) continue;
    rows.user.reserve(expected);
    rows.item.reserve(expected);
    if (layout.time >= 0) rows.time.reserve(expected);
    if (layout.weight >= 0) rows.weight.reserve(expected);
  }
  report_.rows += static_cast<int64_t>(rows.item.size());
  if (!rows.item.empty()) return;
  throw Error(ErrorKind::data, {.what = name + ": no interaction",
                                .got = fmt::format("{} bytes as {}", bytes, layout.describe()),
                                .expected = "a user and an item a line, or a user and its items",
                                .fix = report_.bad.summary()});
}

void Reader::note_bad(const std::string& name, int64_t first_line, const Part& part) {
  for (const auto& [line, wrong] : part.bad) {
    const std::string where = fmt::format("{}: line {}", name, first_line + line);
    if (options_.on_bad_line == "fail") {
      throw Error(ErrorKind::data, {.what = where,
                                    .got = wrong,
                                    .fix = "Mend the line, or leave such lines out with "
                                           "on_bad_line = \"skip\""});
    }
    report_.bad.add(where + ": " + wrong);
  }
  report_.bad.count += part.bad_count - static_cast<int64_t>(part.bad.size());
}

void Reader::merge(const Part& part) {
  Rows& rows = files_.back();
  const size_t before = rows.item.size();
  rows.user.resize(before + part.rows.user.size());
  rows.item.resize(before + part.rows.item.size());
  const auto join = [before](const IdTable& ids, IdTable& all, const auto& from, auto& to) {
    std::vector<int32_t> number(static_cast<size_t>(ids.size()));
    for (int64_t id = 0; id < ids.size(); ++id) {
      if (id + kAhead < ids.size()) all.prefetch(ids[id + kAhead]);
      number[static_cast<size_t>(id)] = all.add(ids[id]);
    }
    using Number = std::decay_t<decltype(to[0])>;
    for (size_t row = 0; row < from.size(); ++row) {
      to[before + row] = static_cast<Number>(number[static_cast<size_t>(from[row])]);
    }
  };
  parallel_for(2, threads_, [&](int64_t side, int) {
    if (side == 0) {
      join(part.users, users_, part.rows.user, rows.user);
    } else {
      join(part.items, items_, part.rows.item, rows.item);
    }
  });
  append(rows.time, part.rows.time);
  append(rows.weight, part.rows.weight);
}

// Numbers rows by the order of the ids as numbers where they have one.
template <class T>
std::shared_ptr<const IdTable> in_order(IdTable ids, std::vector<Rows>& files,
                                        std::vector<T> Rows::*column) {
  const std::vector<int32_t> order = ids.numeric_order();
  if (order.empty() || std::ranges::is_sorted(order))
    return std::make_shared<IdTable>(std::move(ids));
  std::vector<T> place(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    place[static_cast<size_t>(order[i])] = static_cast<T>(i);
  for (Rows& rows : files) {
    for (T& id : rows.*column) id = place[static_cast<size_t>(id)];
  }
  return std::make_shared<IdTable>(ids.chosen(order));
}

std::vector<Interactions> Reader::finish() {
  const auto users = in_order(std::move(users_), files_, &Rows::user);
  const auto items = in_order(std::move(items_), files_, &Rows::item);
  report_.kept_duplicates = options_.duplicates == "keep";
  std::vector<Interactions> out;
  for (Rows& rows : files_) {
    out.push_back(arrange(std::move(rows), users, items, options_, report_, threads_));
  }
  return out;
}

}  // namespace

std::string ReadReport::summary() const {
  const std::string out = left_out();
  return fmt::format("{}\n{} rows{}{}", fmt::join(layouts, "\n"), rows, out.empty() ? "" : "\n",
                     out);
}

std::string ReadReport::left_out() const {
  std::vector<std::string> lines;
  if (duplicates > 0) {
    lines.push_back(fmt::format("{} rows repeat the user and the item of another, {}", duplicates,
                                kept_duplicates ? "kept" : "joined with it"));
  }
  if (below_min_weight > 0) {
    lines.push_back(fmt::format("{} rows of too little weight were left out", below_min_weight));
  }
  if (bad.count > 0) lines.push_back(bad.summary());
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<Interactions> read_interactions(std::span<const fs::path> files,
                                            const InteractionOptions& options, ReadReport* report,
                                            int threads) {
  ReadReport own;
  Reader reader(options, report ? *report : own, threads);
  for (const fs::path& file : files) reader.read(file);
  return reader.finish();
}

Interactions read_interactions(const fs::path& file, const InteractionOptions& options,
                               ReadReport* report, int threads) {
  ReadReport own;
  ReadReport& told = report ? *report : own;
  Interactions out = std::move(read_interactions(std::span(&file, 1), options, &told, threads)[0]);
  if (told.below_min_weight > 0) drop_unused(out);
  if (out.size() > 0) return out;
  throw Error(ErrorKind::data,
              {.what = file.string() + ": no interaction is left",
               .got = fmt::format(
                   "{} rows, all of a weight that is not above 0 or below min_weight", told.rows),
               .fix = "Choose another column with `weight`, or weight = \"none\""});
}

}  // namespace vistas::recommend

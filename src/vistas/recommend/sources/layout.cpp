#include "vistas/recommend/sources/layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/strings.h"
#include "vistas/base/text_input.h"
#include "vistas/recommend/sources/moment.h"

namespace vistas::recommend {
namespace {

constexpr size_t kLinesLookedAt = 100;
constexpr double kFirstTime = 1e8;  // seconds: March 1973; no rating and no count is that large

// Names that data sets use, in lower case without the type of RecBole, blanks, _ and -.
const std::vector<std::string> kUsers = {
    "user",    "userid",    "uid",     "customer",  "customerid", "reviewer", "reviewerid",
    "visitor", "visitorid", "session", "sessionid", "member",     "memberid"};
const std::vector<std::string> kItems = {
    "item",     "itemid",     "iid",        "product",   "productid", "movie",
    "movieid",  "asin",       "parentasin", "book",      "bookid",    "isbn",
    "song",     "songid",     "track",      "trackid",   "artist",    "artistid",
    "business", "businessid", "article",    "articleid", "game",      "gameid"};
const std::vector<std::string> kWeights = {"rating", "ratings",   "weight", "score",
                                           "stars",  "overall",   "count",  "playcount",
                                           "plays",  "bookrating"};
const std::vector<std::string> kTimes = {"timestamp",      "time",     "ts",  "unixtime",
                                         "unixreviewtime", "datetime", "date"};

std::string bare_name(std::string name) {
  name = ascii_lower(name.substr(0, name.find(':')));
  std::erase_if(name, [](char c) { return c == '_' || c == '-' || c == ' '; });
  return name;
}

int column_named(const std::vector<std::string>& columns, const std::vector<std::string>& known) {
  for (const std::string& name : known) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (bare_name(columns[i]) == name) return static_cast<int>(i);
    }
  }
  return -1;
}

// An item may be called "book"; no user is called "user".
bool names_interactions(const std::vector<std::string>& names) {
  return column_named(names, kUsers) >= 0;
}

bool is_sequence(std::string_view line) {
  LineFields fields;
  split_fields(line, Separator::blanks, fields);
  const size_t colon = line.find(':');
  return !fields.at.empty() && colon > 0 && colon < fields.at[0].size() &&
         fields.at[0].substr(colon, 2) != "::";
}

// Lines of blanks: lists if their lengths differ or no user has a second line of three and more.
bool are_lists(const std::vector<std::string_view>& lines) {
  LineFields fields;
  std::set<std::string_view> users;
  std::set<size_t> lengths;
  for (const std::string_view line : lines) {
    split_fields(line, Separator::blanks, fields);
    users.insert(fields.at[0]);
    lengths.insert(fields.at.size());
  }
  return lengths.size() > 1 || (*lengths.begin() > 2 && users.size() == lines.size());
}

void detect_kind(const std::vector<std::string_view>& lines, const std::string& name,
                 const InteractionOptions& options, FileLayout& layout) {
  LineFields fields;
  split_fields(lines[0], Separator::tab, fields);
  layout.typed =
      options.format == "recbole" || (options.format == "auto" && is_typed_header(fields));
  if (options.format == "lists") layout.kind = FileKind::lists;
  if (options.format == "sequences") layout.kind = FileKind::sequences;
  if (layout.kind != FileKind::table) return;
  layout.separator = layout.typed ? Separator::tab : separator_of(text_extension(name), lines);
  for (const auto& [text, separator] : separators()) {
    if (options.separator == text) layout.separator = separator;
  }
  if (options.format != "auto" || layout.separator != Separator::blanks) return;
  if (std::ranges::all_of(lines, is_sequence)) {
    layout.kind = FileKind::sequences;
  } else if (!is_header(options.header, lines, layout.separator, names_interactions) &&
             are_lists(lines)) {
    layout.kind = FileKind::lists;
  }
}

// The smallest number in a column of the first lines, dates as seconds; NaN where one is neither.
double smallest_number(const std::vector<std::string_view>& lines, const FileLayout& layout,
                       size_t column) {
  LineFields fields;
  double smallest = std::nan(""), value = 0;
  if (column >= layout.columns.size()) return smallest;
  for (const std::string_view line : lines) {
    const bool good = split_fields(line, layout.separator, fields).empty();
    if (!good || fields.at.size() != layout.columns.size()) continue;
    if (!is_moment(fields.at[column], value)) return std::nan("");
    smallest = std::fmin(smallest, value);
  }
  return smallest;
}

// Columns of a table without names: user, item, then a rating and a time where there are numbers.
void guess_columns(const std::vector<std::string_view>& lines, FileLayout& layout) {
  const double third = smallest_number(lines, layout, 2);
  const double fourth = smallest_number(lines, layout, 3);
  layout.weight = third < kFirstTime ? 2 : -1;
  layout.time = fourth >= kFirstTime ? 3 : third >= kFirstTime ? 2 : -1;
}

void name_columns(FileLayout& layout) {
  layout.user = column_named(layout.columns, kUsers);
  layout.item = column_named(layout.columns, kItems);
  layout.weight = column_named(layout.columns, kWeights);
  layout.time = column_named(layout.columns, kTimes);
}

void choose_columns(const std::string& name, const InteractionOptions& options,
                    FileLayout& layout) {
  const auto choose = [&](const std::string& asked, int& column) {
    if (asked == "none") column = -1;
    if (!asked.empty() && asked != "none") column = find_column(asked, layout.columns, name);
  };
  choose(options.user, layout.user);
  choose(options.item, layout.item);
  choose(options.weight, layout.weight);
  choose(options.time, layout.time);
  const bool one = layout.columns.size() < 2;
  if (!one && layout.user >= 0 && layout.item >= 0 && layout.user != layout.item) return;
  throw Error(ErrorKind::data,
              {.what = name + ": the columns of users and items",
               .got = fmt::format("{} separated by {}: {}", layout.header ? "a header" : "columns",
                                  name_of(layout.separator), fmt::join(layout.columns, ", ")),
               .expected = "two columns, of users and of items",
               .fix = one ? "Say what separates the columns with `separator`"
                          : "Name them with `user` and `item`"});
}

}  // namespace

void InteractionOptions::fields(Fields& f) {
  std::vector<std::string> choices = {"auto"};
  for (const auto& named : separators()) choices.push_back(named.first);
  f.add(
      "format", format,
      "of the file: a line an interaction, `user item item ...`, `user:item item ...` or RecBole's "
      "typed header; auto: by its first lines",
      {"auto", "table", "lists", "sequences", "recbole"});
  f.add("separator", separator, "of the columns of a table", choices);
  f.add("header", header, "whether the first line of a table names the columns",
        {"auto", "yes", "no"});
  f.add("user", user, "column of users, by name or number from 1; empty: detected");
  f.add("item", item, "column of items, likewise");
  f.add("weight", weight, "column of ratings or counts, likewise; none: all weigh 1");
  f.add("time", time, "column of times, likewise; none: file order");
  f.add("min_weight", min_weight,
        "interactions of less are left out, and always those of 0 or less", {0, 1e30});
  f.add("duplicates", duplicates,
        "which action of a user on one item counts: every one, the first, the last, or the last "
        "with the sum of the weights",
        {"keep", "first", "last", "sum"});
  f.add("on_bad_line", on_bad_line, "what to do with a line that cannot be used", {"skip", "fail"});
}

std::string FileLayout::describe() const {
  if (kind == FileKind::lists) return "lists: user item item ...";
  if (kind == FileKind::sequences) return "sequences: user:item item ...";
  const auto column = [&](const char* what, int i) {
    return i < 0 ? "" : fmt::format(", {} in {}", what, columns[static_cast<size_t>(i)]);
  };
  return fmt::format("{} separated by {}{}{}{}{}", typed ? "RecBole's table" : "a table",
                     name_of(separator), column("user", user), column("item", item),
                     column("weight", weight), column("time", time));
}

int item_column(const std::vector<std::string>& names) {
  return column_named(names, kItems);
}

FileLayout detect_layout(std::string_view content, const std::string& name,
                         const InteractionOptions& options) {
  const std::vector<std::string_view> lines = first_lines(content, kLinesLookedAt);
  if (lines.empty()) {
    throw Error(ErrorKind::data,
                {.what = name + ": no interaction",
                 .got = content.empty() ? "an empty file" : "nothing but blank lines",
                 .expected = "a user and an item a line, or a user and its items"});
  }
  FileLayout layout;
  detect_kind(lines, name, options, layout);
  if (layout.kind != FileKind::table) return layout;
  layout.header =
      layout.typed || is_header(options.header, lines, layout.separator, names_interactions);
  layout.columns = first_fields(lines[0], layout.separator, name);
  if (layout.header) {
    name_columns(layout);
  } else {
    layout.columns = numbered_names(layout.columns.size());
    guess_columns(lines, layout);
  }
  choose_columns(name, options, layout);
  return layout;
}

}  // namespace vistas::recommend

// Ids on the command line, and ranked lists for people and for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/recommend/sources/id_table.h"
#include "vistas/search/top_k.h"

namespace vistas::app {

// The numbers of ids; a data error that names `what` ("user") for one that is not in the table.
std::vector<int64_t> numbers_of(const recommend::IdTable& ids,
                                const std::vector<std::string>& names, const std::string& what);
// The same, and of all ids where `names` is "all" alone.
std::vector<int64_t> numbers_or_all(const recommend::IdTable& ids,
                                    const std::vector<std::string>& names, const std::string& what);

// Marks of the items that lists may hold: those of `allow`, all where it is "", without those of
// `exclude`. Each is a file with an id a line, or ids between commas. What is no id of an item is
// told on standard error; where all of a text is, or no item is left, it is a data error.
std::vector<bool> allowed_items(const recommend::IdTable& items, const std::string& allow,
                                const std::string& exclude);

// One list a name, best first.
struct RankedLists {
  std::string asker, listed;  // "user", "item": columns, and keys of the JSON
  std::string score;          // "score", "cosine"
  std::string heading, key;   // "for ": before a name in a table; "items": of a list in the JSON
  std::vector<std::string> names{};
  search::TopK found{};  // rows are names, entries numbers of `ids`
  const recommend::IdTable* ids = nullptr;
};

// Prints the first few lists; all go to the TSV file `out`, unless it is "", and to the JSON.
void print_lists(const Context& context, const RankedLists& lists, const std::string& out);

// The option for that file.
void add_lists_option(CLI::App& app, std::string& out, const std::string& columns);

}  // namespace vistas::app

// Which user acted on which item, when and how strongly.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vistas/base/id_lists.h"
#include "vistas/recommend/sources/id_table.h"

namespace vistas::recommend {

// The actions of user u are the rows starts[u] .. starts[u + 1] - 1, in order of time, those of one
// time and files without times in file order. Without ids and files it is 4 bytes a row, 8 more
// with times, 4 more with weights, and 8 a user.
struct Interactions {
  std::shared_ptr<const IdTable> user_ids = std::make_shared<IdTable>();
  std::shared_ptr<const IdTable> item_ids = std::make_shared<IdTable>();
  std::vector<int64_t> starts = {0};  // users + 1
  std::vector<int32_t> item;          // of each row
  std::vector<double> time;           // of each row, or empty
  std::vector<float> weight;          // of each row, above 0; or empty: all 1

  int64_t users() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t items() const { return item_ids->size(); }
  int64_t size() const { return static_cast<int64_t>(item.size()); }
  int64_t count_of(int64_t user) const { return end_of(user) - begin_of(user); }
  int64_t begin_of(int64_t user) const { return starts[static_cast<size_t>(user)]; }
  int64_t end_of(int64_t user) const { return starts[static_cast<size_t>(user) + 1]; }
  std::span<const int32_t> items_of(int64_t user) const {
    return std::span(item).subspan(static_cast<size_t>(begin_of(user)),
                                   static_cast<size_t>(count_of(user)));
  }

  int64_t bytes() const;  // held, with both tables of ids
};

// The items of each user, ascending, each once.
OwnIdLists item_lists(const Interactions& data);

// How often each item occurs.
std::vector<int64_t> item_counts(const Interactions& data);

// The rows whose byte in `marks` is `mark`; the same users and items.
Interactions chosen_rows(const Interactions& data, const std::vector<uint8_t>& marks,
                         uint8_t mark = 1);
void keep_rows(Interactions& data, const std::vector<uint8_t>& marks);  // of mark 1, in place

// The rows of all parts, which have the same users and items: in order of time where all have
// times, else part by part. Times and weights are kept where all have them.
Interactions merged(const std::vector<const Interactions*>& parts);

// Forgets users and items without any row; the others keep their order.
void drop_unused(Interactions& data);

// A data error if anything is out of place: what must hold of a file from elsewhere.
void check(const Interactions& data, const std::string& name);

}  // namespace vistas::recommend

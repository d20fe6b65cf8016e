// What a pickle says, without running anything that it asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vistas {

struct PickleValue {
  enum class Kind { none, boolean, integer, text, tuple, list, dict, global, call, persistent };

  Kind kind = Kind::none;
  int64_t integer = 0;  // 0 or 1 of a boolean
  std::string text{};   // of a text; of a global and a call the name, "torch.FloatStorage"
  // Of a tuple and a list; of a dict keys and values in turn; of a call the tuple of arguments; of
  // something persistent its id.
  std::vector<const PickleValue*> items{};
};

struct Pickle {
  std::deque<PickleValue> values;  // all there are
  const PickleValue* root = nullptr;
  size_t size = 0;  // bytes of the pickle
};

// The pickle at the start of `bytes`: protocol 2 with the operations that state dicts are made of.
// collections.OrderedDict is a dict, whose attributes are left aside; other names must be among
// `globals`, and calls of them are kept as calls. `name` appears in errors. Anything else is a data
// error. Time and memory are proportional to the size, and limited; values refer to others as often
// as they like but are there once.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& name,
                   std::span<const std::string_view> globals = {});

}  // namespace vistas

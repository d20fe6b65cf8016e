#include "vistas/base/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "vistas/base/error.h"

namespace vistas {
namespace {

// A tensor takes some 40 operations, and 100 bytes are held for one.
constexpr int64_t kMostOperations = 1'000'000;
constexpr size_t kLongestText = 10'000;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";

using Kind = PickleValue::Kind;

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// A stack machine; Python's pickletools.py describes the operations.
class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& name,
          std::span<const std::string_view> globals)
      : bytes_(bytes), name_(name), globals_(globals) {}

  Pickle run() {
    for (int64_t done = 0; step(); ++done) {
      if (done == kMostOperations) broken("more than a file of weights needs");
    }
    if (stack_.size() != 1 || !marks_.empty()) broken("more than one value is left");
    return {std::move(values_), stack_.front(), at_};
  }

 private:
  // False after the last operation.
  bool step() {
    using Do = void (*)(Machine&);
    static const std::unordered_map<uint64_t, Do> operations = {
        {0x80, [](Machine& m) { m.protocol(); }},
        {'(', [](Machine& m) { m.marks_.push_back(m.stack_.size()); }},
        {'N', [](Machine& m) { m.push(Kind::none); }},
        {0x88, [](Machine& m) { m.push(Kind::boolean).integer = 1; }},
        {0x89, [](Machine& m) { m.push(Kind::boolean); }},
        {'K', [](Machine& m) { m.push_natural(1); }},
        {'M', [](Machine& m) { m.push_natural(2); }},
        {'J', [](Machine& m) { m.push_integer(4); }},
        {0x8A, [](Machine& m) { m.push_integer(m.natural(1)); }},
        {'X', [](Machine& m) { m.push_text(); }},
        {'c', [](Machine& m) { m.global(); }},
        {')', [](Machine& m) { m.push(Kind::tuple); }},
        {']', [](Machine& m) { m.push(Kind::list); }},
        {'}', [](Machine& m) { m.push(Kind::dict); }},
        {'t', [](Machine& m) { m.tuple(m.since_mark()); }},
        {0x85, [](Machine& m) { m.tuple(m.last(1)); }},
        {0x86, [](Machine& m) { m.tuple(m.last(2)); }},
        {0x87, [](Machine& m) { m.tuple(m.last(3)); }},
        {'a', [](Machine& m) { m.extend(Kind::list, m.last(1)); }},
        {'e', [](Machine& m) { m.extend(Kind::list, m.since_mark()); }},
        {'s', [](Machine& m) { m.extend(Kind::dict, m.last(2)); }},
        {'u', [](Machine& m) { m.extend(Kind::dict, m.since_mark()); }},
        {'R', [](Machine& m) { m.reduce(); }},
        {'b', [](Machine& m) { m.build(); }},
        {'Q', [](Machine& m) { m.persistent(); }},
        {'q', [](Machine& m) { m.put(m.natural(1)); }},
        {'r', [](Machine& m) { m.put(m.natural(4)); }},
        {'h', [](Machine& m) { m.get(m.natural(1)); }},
        {'j', [](Machine& m) { m.get(m.natural(4)); }}};
    const uint64_t operation = natural(1);
    if (operation == '.') return false;
    const auto found = operations.find(operation);
    if (found == operations.end()) broken("operation", fmt::format("0x{:02x}", operation));
    found->second(*this);
    return true;
  }

  [[noreturn]] void broken(const std::string& why, const std::string& got = "",
                           const std::string& expected = "") const {
    throw Error(
        ErrorKind::data,
        {.what = fmt::format("{}: not a usable pickle of weights: byte {}: {}", name_, at_, why),
         .got = got,
         .expected = expected});
  }

  std::string take(size_t size) {
    if (size > kLongestText) {
      broken("a text", fmt::format("{} bytes", size), fmt::format("at most {}", kLongestText));
    }
    if (size > bytes_.size() - at_) broken("it ends too early");
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += size;
    return {text, size};
  }

  // Little-endian.
  uint64_t natural(size_t size) {
    uint64_t value = 0;
    const std::string digits = take(size);
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
    return value;
  }

  std::string line() {
    const auto rest = bytes_.subspan(at_, std::min(bytes_.size() - at_, kLongestText));
    const auto end = std::ranges::find(rest, std::byte{'\n'});
    if (end == rest.end()) broken("a name without an end");
    std::string text = take(static_cast<size_t>(end - rest.begin()));
    ++at_;
    return text;
  }

  void protocol() {
    const uint64_t version = natural(1);
    if (version != 2) broken("protocol", fmt::format("{}", version), "2");
  }

  PickleValue& push(Kind kind) {
    stack_.push_back(&values_.emplace_back(PickleValue{.kind = kind}));
    return *stack_.back();
  }

  void push_natural(size_t size) {
    const uint64_t value = natural(size);
    push(Kind::integer).integer = static_cast<int64_t>(value);
  }

  // Two's complement.
  void push_integer(size_t size) {
    if (size > 8) broken("a whole number", fmt::format("{} bytes", size), "at most 8");
    uint64_t value = natural(size);
    const bool negative = size > 0 && value >> (8 * size - 1) != 0;
    if (negative && size < 8) value |= ~uint64_t{0} << (8 * size);
    push(Kind::integer).integer = static_cast<int64_t>(value);
  }

  void push_text() {
    std::string text = take(natural(4));
    push(Kind::text).text = std::move(text);
  }

  // What lies under a mark is out of reach.
  void need(size_t count) const {
    const size_t least = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - least < count) broken("a value is missing");
  }

  PickleValue& top() const {
    need(1);
    return *stack_.back();
  }

  PickleValue& pop(Kind kind, const char* expected) {
    PickleValue& value = top();
    if (value.kind != kind) broken("another kind of value", "", expected);
    stack_.pop_back();
    return value;
  }

  using Items = std::vector<const PickleValue*>;

  Items last(size_t count) {
    need(count);
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    Items items(first, stack_.end());
    stack_.erase(first, stack_.end());
    return items;
  }

  Items since_mark() {
    if (marks_.empty()) broken("no mark");
    Items items = last(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  void tuple(Items items) { push(Kind::tuple).items = std::move(items); }

  void extend(Kind kind, const Items& items) {
    PickleValue& value = top();
    if (value.kind != kind) broken("another kind of value", "", "a list or a dict to add to");
    if (kind == Kind::dict && items.size() % 2 != 0) broken("a key without a value");
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void global() {
    const std::string module = line(), function = line();
    const std::string text = module + "." + function;
    if (text != kOrderedDict && std::ranges::find(globals_, text) == globals_.end()) {
      throw Error(
          ErrorKind::data,
          {.what = fmt::format("{}: {}: not allowed in a file of weights", name_, printable(text)),
           .fix = "Other programs would run it: trust the file only if you know why it is "
                  "there"});
    }
    push(Kind::global).text = text;
  }

  void reduce() {
    const PickleValue& arguments = pop(Kind::tuple, "arguments");
    const PickleValue& function = pop(Kind::global, "a function");
    if (function.text != kOrderedDict) {
      PickleValue& call = push(Kind::call);
      call.text = function.text;
      call.items = {&arguments};
    } else {
      if (!arguments.items.empty()) broken("an OrderedDict with arguments");
      push(Kind::dict);
    }
  }

  // Attributes of a state dict (_metadata) say nothing of the tensors.
  void build() {
    pop(Kind::dict, "attributes");
    if (top().kind != Kind::dict) broken("another kind of value", "", "a dict with attributes");
  }

  void persistent() {
    Items id = last(1);
    push(Kind::persistent).items = std::move(id);
  }

  void put(uint64_t number) { memo_[number] = &top(); }

  void get(uint64_t number) {
    const auto found = memo_.find(number);
    if (found == memo_.end()) broken(fmt::format("nothing is kept as {}", number));
    stack_.push_back(found->second);
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  std::span<const std::string_view> globals_;
  size_t at_ = 0;
  std::deque<PickleValue> values_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

}  // namespace

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& name,
                   std::span<const std::string_view> globals) {
  return Machine(bytes, name, globals).run();
}

}  // namespace vistas

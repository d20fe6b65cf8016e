// The table of methods: names, options and construction.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/base/options.h"
#include "vistas/base/random.h"
#include "vistas/learn/method.h"

namespace vistas::recipe {

// A new encoder of the run's architecture with initial values drawn from a seed. Methods with a
// teacher or two towers want two.
using MakeEncoder = std::function<std::shared_ptr<learn::Encoder>(uint64_t seed)>;

// A method that has been named but not built: its options, then the thing itself.
class MethodChoice {
 public:
  virtual ~MethodChoice() = default;
  virtual void fields(Fields& f) = 0;
  virtual std::shared_ptr<learn::Method> build(const MakeEncoder& make_encoder,
                                               uint64_t seed) const = 0;
};

// For a learn::Method that is constructed from (encoder, options, seed) or, with a teacher or a
// second tower, from (encoder, encoder, options, seed).
template <class Method, class Options>
class Choice : public MethodChoice {
 public:
  void fields(Fields& f) override { options_.fields(f); }
  std::shared_ptr<learn::Method> build(const MakeEncoder& make_encoder,
                                       uint64_t seed) const override {
    using EncoderPtr = std::shared_ptr<learn::Encoder>;
    const EncoderPtr encoder = make_encoder(seed);
    if constexpr (std::is_constructible_v<Method, EncoderPtr, EncoderPtr, Options, uint64_t>) {
      return std::make_shared<Method>(encoder, make_encoder(mix(seed, 2)), options_, mix(seed, 1));
    } else {
      return std::make_shared<Method>(encoder, options_, mix(seed, 1));
    }
  }
  static std::unique_ptr<MethodChoice> make() { return std::make_unique<Choice>(); }

 private:
  Options options_;
};

struct MethodEntry {
  std::string name;
  std::string help;        // one sentence
  std::string views;       // the recipe of several views it is published with; "": not for such
  std::string settings{};  // TOML: what suits runs of minutes to hours on small pictures
  std::unique_ptr<MethodChoice> (*choose)();
  // For methods of sequences of items alone: "next", "altered" or "same_target", the views of
  // recommend/tasks/sequence_batches.h that they compare.
  std::string sequences{};
};

const std::vector<MethodEntry>& methods();

// Adds a method of another project, before anything reads the table; a usage error for a name that
// is taken.
void add_method(const MethodEntry& entry);

// A usage error with the nearest names for a name that is not in the table.
const MethodEntry& method_named(const std::string& name, const std::string& where);

// What to throw where a method is named for data that it does not learn from.
Error not_for(const std::string& data, const std::string& method);

}  // namespace vistas::recipe

// The configuration of a run: what a recipe file holds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/schedule.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/methods.h"
#include "vistas/recipe/training.h"

namespace vistas::recipe {

// The values of data.modality.
inline const std::vector<std::string> kModalities = {"image", "text", "interactions", "boxes",
                                                     "masks"};

// What every modality shares; ImageConfig and TextConfig add data, views and encoder.
class Config {
 public:
  virtual ~Config() = default;

  // Every setting, bound to this object. Tables that are lists ([[view]]) are none.
  Fields fields();
  // The value of one setting; none if there is no such setting.
  Value setting(const std::string& name) const;
  // A recipe that gives this configuration again.
  std::string to_toml() const;
  // The tables that are lists, as TOML.
  virtual std::string tables() const { return ""; }

  virtual const std::string& data_path() const = 0;
  // Opens the data and settles here what was left to them. This object must outlive the result.
  virtual std::unique_ptr<Training> open() = 0;
  // Takes what is left to the data here from a configuration of the same kind that open() settled.
  virtual void settle_as(const Config& settled) = 0;
  // Before open(): takes what the beginning of this run has left in its folder.
  virtual void continue_from(const RunFolder&) {}

  // Whether a run of this configuration only finds out how long to train: after it comes the run
  // that counts.
  virtual bool chooses_length() const { return false; }
  // The configuration of the run that counts, from the one that chose.
  virtual std::unique_ptr<Config> after_choice(const RunFolder& /*choice*/) const {
    return nullptr;
  }

  std::string method_name;
  std::shared_ptr<MethodChoice> method;
  learn::OptimizerOptions optimizer;
  learn::ScheduleOptions schedule;
  learn::TrainOptions train;

 protected:
  // Reads only the name of the method: the rest waits until the wing's members are there.
  explicit Config(const Value& values);
  virtual void own_fields(Fields& f) = 0;
};

// The configuration of the modality that data.modality names, images where it names none. Every
// member has its default, then come the leaves of `values`; unknown keys are usage errors.
std::unique_ptr<Config> read_config(const Value& values);

// A recipe for data without one: `wanted` holds data.path and what else the user has set. The
// modality is that of the files; size of the model, batch and epochs suit the data. A tree for
// read_config(), with few leaves; those in `wanted` are not among them unless they are kept.
Value suitable_settings(const Value& wanted);

// The text at group.name of a tree; `fallback` where there is none.
std::string text_at(const Value& values, const std::string& group, const std::string& name,
                    std::string fallback);

// Lines "key: a -> b" for every field in which two configurations differ.
std::vector<std::string> differences(const Config& a, const Config& b);

}  // namespace vistas::recipe

#include "vistas/tune/space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/tune/view_space.h"

namespace vistas::tune {
namespace {

// What decides how trials are compared or where they run, not what they learn.
constexpr const char* kNotSearched[] = {"data.",
                                        "train.seed",
                                        "train.steps",
                                        "train.epochs",
                                        "train.device",
                                        "train.precision",
                                        "train.score_every",
                                        "train.patience",
                                        "train.log_every",
                                        "train.checkpoint_every",
                                        "train.keep_every",
                                        "train.loader_threads",
                                        "method.name"};

// A default range around the value of a setting.
struct Rule {
  std::string name;
  std::function<void(Dimension&, double now)> widen;
  bool needs_labels = false;
};

Value number(double value, bool whole) {
  if (whole) return Value{.data = static_cast<int64_t>(std::llround(value))};
  return Value{.data = value};
}

std::optional<double> as_number(const Value& value) {
  if (const auto* d = std::get_if<double>(&value.data)) return *d;
  if (const auto* i = std::get_if<int64_t>(&value.data)) return static_cast<double>(*i);
  return std::nullopt;
}

auto times(double factor) {
  return [factor](Dimension& d, double now) {
    d.low = now / factor;
    d.high = now * factor;
    d.log = true;
  };
}

void strength(Dimension& d, double now) {
  d.low = now / 4;
  d.high = now * 2;
}

void near_one(Dimension& d, double now) {
  d.low = std::max(0.0, 1 - 4 * (1 - now));
  d.high = 1 - (1 - now) / 4;
}

void doubled_and_halved(Dimension& d, double now) {
  if (now < 2) return;
  for (const double factor : {0.5, 1.0, 2.0}) d.choices.push_back(number(factor * now, true));
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"schedule.lr", times(10)},
      {"optimizer.weight_decay", times(30)},
      {"method.temperature", times(4), true},
      {"method.temperature.initial", times(4), true},
      {"method.student_temperature", times(4), true},
      {"method.lambda", times(5)},
      {"method.covariance", times(5)},
      {"method.weight", times(5)},
      {"method.contrast.weight", times(5)},
      {"method.contrast.temperature", times(4), true},
      {"method.triplet.margin", times(4), true},
      {"method.contrastive.margin", times(4), true},
      {"method.teacher.momentum", near_one},
      {"method.projector.hidden", doubled_and_halved, true},
      {"method.projector.out", doubled_and_halved, true},
      {"method.predictor.hidden", doubled_and_halved, true},
      {"views.strength", strength, true},
      {"train.batch", doubled_and_halved, true},
  };
  return all;
}

bool not_searched(const std::string& name) {
  return std::ranges::any_of(kNotSearched, [&](const std::string& prefix) {
    return prefix.ends_with('.') ? name.starts_with(prefix) : name == prefix;
  });
}

// Splits at commas outside brackets and quotes.
std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> parts{""};
  int depth = 0;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == '[') ++depth;
    if (!quoted && c == ']') --depth;
    if (c == ',' && depth == 0 && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

class Searching {
 public:
  Searching(recipe::Config& config, const SpaceWishes& wishes, bool labels, int64_t samples)
      : operations_(config),
        fields_(config.fields().all()),
        views_(view_space(config)),
        has_tables_(!config.tables().empty()),
        wishes_(wishes),
        labels_(labels),
        samples_(samples) {
    fields_.insert(fields_.end(), operations_.fields.begin(), operations_.fields.end());
    for (const std::string& name : wishes.fixed) fixed_.push_back(field_named(name, "--set").name);
    for (const std::string& name : wishes.only) only_.push_back(field_named(name, "--only").name);
  }

  Space space() {
    for (const std::string& range : wishes_.ranges) add_wished(range);
    if (wishes_.views && views_.empty()) {
      throw Error(ErrorKind::usage,
                  {.what = "searching views",
                   .got = "a recipe whose views have no probabilities or strengths",
                   .expected = "operations of views of pictures, a text recipe but delete_one, or "
                               "cl4srec"});
    }
    for (const Field& field : fields_) add_default(field);
    for (const std::string& name : only_) {
      if (find(name)) continue;
      if (has_tables_ && is_of_named_views(name)) {
        throw Error(ErrorKind::usage,
                    {.what = fmt::format("--only {}: the recipe has [[view]] tables, which this "
                                         "setting does not change",
                                         name),
                     .fix = "Search those of its operations: --views, or --only "
                            "views.OPERATION.PARAMETER"});
      }
      throw Error(
          ErrorKind::usage,
          {.what = fmt::format("--only {}: how far to search is not known of this setting", name),
           .fix = fmt::format("Say it: --space {}=LOW..HIGH or --space {}=A,B,C", name, name)});
    }
    if (space_.empty()) {
      throw Error(ErrorKind::usage, {.what = "nothing to search: every setting is fixed",
                                     .fix = "Leave a --set out, or name settings with --space"});
    }
    // Lone choices are all tried: more of them say more.
    if (space_.size() == 1 && space_[0].name == "train.batch") widen_batch(space_[0]);
    return std::move(space_);
  }

 private:
  const Field& field_named(const std::string& name, const std::string& where) const {
    std::vector<const Field*> ends;
    std::vector<std::string> names;
    for (const Field& field : fields_) {
      if (field.name == name) return field;
      if (field.name.ends_with("." + name)) ends.push_back(&field);
      names.push_back(field.name);
    }
    if (ends.size() == 1) return *ends.front();
    std::vector<std::string> found;
    for (const Field* field : ends) found.push_back(field->name);
    throw Error(
        ErrorKind::usage,
        {.what = ends.empty() ? fmt::format("{} {}: there is no setting '{}'", where, name, name)
                              : fmt::format("{} {}: several settings end so", where, name),
         .expected = ends.empty() ? "a setting of `vistas train --settings`"
                                  : fmt::format("one of {}", fmt::join(found, ", ")),
         .fix = ends.empty() ? did_you_mean(name, names) : ""});
  }

  const Dimension* find(const std::string& name) const {
    const auto found = std::ranges::find(space_, name, &Dimension::name);
    return found == space_.end() ? nullptr : &*found;
  }

  static void check(const Field& field, Value value, const std::string& where) {
    const Value now = field.get();
    value.where = where;
    field.set(value);
    field.set(now);
  }

  void add_wished(const std::string& wish) {
    const std::string where = "--space " + wish;
    const size_t equals = wish.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorKind::usage, {.what = where,
                                     .expected = "NAME=LOW..HIGH, NAME=LOW..HIGH,log or NAME=A,B,C",
                                     .fix = "For example --space schedule.lr=0.01..1,log"});
    }
    const Field& field = field_named(wish.substr(0, equals), "--space");
    if (not_searched(field.name)) {
      throw Error(ErrorKind::usage, {.what = where,
                                     .got = field.name,
                                     .expected = "a setting of what is learned: trials are "
                                                 "compared on the same data, length and seed",
                                     .fix = "Set it for all trials: --set"});
    }
    if (std::ranges::find(fixed_, field.name) != fixed_.end() || find(field.name)) {
      throw Error(ErrorKind::usage, {.what = where,
                                     .got = "a second wish for " + field.name,
                                     .expected = "--set or one --space"});
    }
    Dimension d{.name = field.name, .whole = field.type == "integer", .now = field.get()};
    const std::string text = wish.substr(equals + 1);
    if (text.find("..") == std::string::npos) {
      read_choices(d, field, text, where);
    } else {
      read_range(d, field, text, where);
    }
    space_.push_back(std::move(d));
  }

  static void read_choices(Dimension& d, const Field& field, const std::string& text,
                           const std::string& where) {
    for (const std::string& part : split_values(text)) {
      const Value choice = parse_assignment("v=" + part).table().at("v");
      check(field, choice, where);
      if (std::ranges::find(d.choices, to_toml(choice), to_toml) != d.choices.end()) {
        throw Error(ErrorKind::usage,
                    {.what = where, .got = part + " twice", .expected = "different values"});
      }
      d.choices.push_back(choice);
    }
    if (d.choices.size() < 2) {
      throw Error(ErrorKind::usage, {.what = where,
                                     .got = "one value",
                                     .expected = "at least two values to choose from",
                                     .fix = "To fix the value: --set " + field.name + "=" + text});
    }
  }

  static void read_range(Dimension& d, const Field& field, std::string text,
                         const std::string& where) {
    if (!as_number(d.now)) {
      throw Error(ErrorKind::usage,
                  {.what = where,
                   .got = "a range for a setting of type " + field.type,
                   .expected = "values to choose from: --space " + field.name + "=A,B,C"});
    }
    d.log = text.ends_with(",log");
    if (d.log) text.resize(text.size() - 4);
    const size_t dots = text.find("..");
    for (double* end : {&d.low, &d.high}) {
      const std::string part = end == &d.low ? text.substr(0, dots) : text.substr(dots + 2);
      const Value value = parse_assignment("v=" + part).table().at("v");
      check(field, value, where);
      *end = *as_number(value);
    }
    if (!(d.low < d.high)) {
      throw Error(
          ErrorKind::usage,
          {.what = where, .got = "an empty range", .expected = "LOW..HIGH with LOW < HIGH"});
    }
    if (d.log && d.low <= 0) {
      throw Error(ErrorKind::usage, {.what = where,
                                     .got = fmt::format("a logarithmic range from {}", d.low),
                                     .expected = "LOW > 0"});
    }
  }

  static bool is_of_named_views(const std::string& name) {
    return name == "views.strength" || name == "views.crop_area";
  }

  void add_default(const Field& field) {
    const bool named = std::ranges::find(only_, field.name) != only_.end();
    if (find(field.name) || std::ranges::find(fixed_, field.name) != fixed_.end()) return;
    const auto view = std::ranges::find(views_, field.name, &Dimension::name);
    if (view != views_.end() && (named || wishes_.views)) return space_.push_back(*view);
    if (!named && (wishes_.views || !only_.empty())) return;
    if (has_tables_ && is_of_named_views(field.name)) return;
    const auto rule = std::ranges::find(rules(), field.name, &Rule::name);
    const bool is_crop = field.name == "views.crop_area";
    if (rule == rules().end() && !is_crop) return;
    if (!labels_ && !named && (is_crop || rule->needs_labels)) return;
    Dimension d{.name = field.name, .whole = field.type == "integer", .now = field.get()};
    if (is_crop) {
      add_crops(d);
    } else {
      const auto now = as_number(d.now);
      if (!now || *now == 0) return;
      rule->widen(d, *now);
      fit(d, field, *now);
    }
    if (d.choices.size() > 1 || d.low < d.high) space_.push_back(std::move(d));
  }

  // The option's own range bounds that of the search.
  void fit(Dimension& d, const Field& field, double now) const {
    if (!takes(field, number(d.low, d.whole))) d.low = now;
    if (!takes(field, number(d.high, d.whole))) d.high = now;
    const bool is_batch = field.name == "train.batch";
    std::erase_if(d.choices, [&](const Value& choice) {
      return !takes(field, choice) ||
             (is_batch && *as_number(choice) > std::max(now, static_cast<double>(samples_) / 4));
    });
  }

  static void add_crops(Dimension& d) {
    d.choices = crop_choices();
    d.choices.insert(d.choices.begin(), Value{.data = ValueList{}});  // as published
    if (!d.holds(d.now)) d.choices.push_back(d.now);
  }

  void widen_batch(Dimension& d) const {
    if (!wishes_.ranges.empty()) return;
    const double now = *as_number(d.now);
    const double most = std::max(now, static_cast<double>(samples_) / 4);
    d.choices.clear();
    for (double batch = std::max(2.0, now / 8); batch <= std::min(4 * now, most); batch *= 2) {
      d.choices.push_back(number(batch, true));
    }
    if (!d.holds(d.now)) d.choices.push_back(d.now);
  }

  OperationSettings operations_;
  std::vector<Field> fields_;
  Space views_;      // what there is to search of views
  bool has_tables_;  // of views, which settings of named ones do not change
  const SpaceWishes& wishes_;
  bool labels_;
  int64_t samples_;
  std::vector<std::string> fixed_, only_;
  Space space_;
};

}  // namespace

bool Dimension::holds(const Value& value) const {
  if (!choices.empty()) {
    return std::ranges::find(choices, to_toml(value), to_toml) != choices.end();
  }
  const auto n = as_number(value);
  return n && *n >= low && *n <= high;
}

std::string Dimension::text() const {
  if (choices.empty()) return fmt::format("{:.4g} .. {:.4g}{}", low, high, log ? ", log" : "");
  std::vector<std::string> words;
  for (const Value& choice : choices) words.push_back(to_toml(choice));
  return fmt::format("{}", fmt::join(words, ", "));
}

Space search_space(recipe::Config& config, const SpaceWishes& wishes, bool labels,
                   int64_t samples) {
  return Searching(config, wishes, labels, samples).space();
}

}  // namespace vistas::tune

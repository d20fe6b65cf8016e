#include "vistas/recommend/sources/moment.h"

#include <charconv>
#include <chrono>

#include "vistas/recommend/sources/fields.h"

namespace vistas::recommend {
namespace {

// Takes `count` digits off the front.
bool take_digits(std::string_view& text, size_t count, int& value) {
  if (text.size() < count) return false;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + count, value);
  const bool good = error == std::errc{} && stop == text.data() + count && value >= 0;
  text.remove_prefix(count);
  return good;
}

bool take(std::string_view& text, std::string_view signs) {
  if (text.empty() || signs.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ":09", ":09.277" or nothing.
bool take_seconds(std::string_view& text, double& seconds) {
  int whole = 0;
  if (!take(text, ":")) return true;
  if (!take_digits(text, 2, whole) || whole > 60) return false;
  seconds += whole;
  double place = 1;
  if (!take(text, ".")) return true;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1)) {
    seconds += (place /= 10) * (text[0] - '0');
  }
  return place < 1;
}

// "Z", "+02:00", "+0200" or nothing.
bool take_zone(std::string_view& text, double& seconds) {
  if (text.empty() || take(text, "Z")) return true;
  const double sign = text[0] == '-' ? 1 : -1;
  int hours = 0, minutes = 0;
  if (!take(text, "+-") || !take_digits(text, 2, hours)) return false;
  take(text, ":");
  if (!take_digits(text, 2, minutes)) return false;
  seconds += sign * (3600.0 * hours + 60.0 * minutes);
  return true;
}

}  // namespace

bool is_moment(std::string_view text, double& value) {
  if (is_number(text, value)) return true;
  namespace chrono = std::chrono;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  if (!take_digits(text, 4, year) || !take(text, "-") || !take_digits(text, 2, month) ||
      !take(text, "-") || !take_digits(text, 2, day)) {
    return false;
  }
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  value = 86400.0 * static_cast<double>(chrono::sys_days(date).time_since_epoch().count());
  if (text.empty()) return true;
  if (!take(text, " T") || !take_digits(text, 2, hour) || hour > 23 || !take(text, ":") ||
      !take_digits(text, 2, minute) || minute > 59) {
    return false;
  }
  value += 3600.0 * hour + 60.0 * minute;
  return take_seconds(text, value) && take_zone(text, value) && text.empty();
}

}  // namespace vistas::recommend

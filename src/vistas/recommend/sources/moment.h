// Moments as data sets write them.
#pragma once

#include <string_view>

namespace vistas::recommend {

// A number as it stands, or seconds since 1970 of "2014-04-07", "2014-04-07 10:51",
// "2014-04-07T10:51:09.277Z", "2014-04-07 10:51:09+02:00"; UTC where no zone is given.
bool is_moment(std::string_view text, double& value);

}  // namespace vistas::recommend

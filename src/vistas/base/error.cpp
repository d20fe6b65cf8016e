#include "vistas/base/error.h"

#include <cerrno>
#include <cstring>

namespace vistas {
namespace {

std::string message(const ErrorParts& p) {
  std::string text = p.what;
  if (!p.got.empty()) text += ": got " + p.got;
  if (!p.expected.empty()) text += (p.got.empty() ? ": expected " : ", expected ") + p.expected;
  if (!p.fix.empty()) text += ". " + p.fix;
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, const ErrorParts& parts)
    : std::runtime_error(message(parts)), kind_(kind) {}

void throw_system_error(const std::string& what, int errno_value) {
  const bool full = errno_value == ENOSPC || errno_value == EDQUOT || errno_value == ENOMEM ||
                    errno_value == EMFILE;
  const char* fix = errno_value == ENOSPC || errno_value == EDQUOT
                        ? "Free some space or choose another folder"
                        : "";
  throw Error(full ? ErrorKind::resource : ErrorKind::data,
              {.what = what + ": " + std::strerror(errno_value), .fix = fix});
}

}  // namespace vistas

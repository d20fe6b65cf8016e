// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

namespace vistas {

// Who can mend an error; the value is the program's exit code.
enum class ErrorKind { usage = 2, data = 3, numeric = 4, resource = 5 };

// The four things a reader of an error needs; empty parts are left out of the message.
struct ErrorParts {
  std::string what{};      // what was wrong and where: "photos/a.jpg: cannot decode"
  std::string got{};       // the value that was found
  std::string expected{};  // what would have been right
  std::string fix{};       // a sentence that says what to do
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const ErrorParts& parts);
  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

// A failed system call: "<what>: <strerror(errno_value)>"; a full disk or quota is a resource
// error.
[[noreturn]] void throw_system_error(const std::string& what, int errno_value);

}  // namespace vistas

// What a call throws.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "vistas/base/error.h"

namespace vistas::test {

// The message of the Error of that kind; "no error" if none is thrown.
inline std::string error_of(const std::function<void()>& call, ErrorKind kind = ErrorKind::data) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind);
    return e.what();
  }
  return "no error";
}

inline void expect_error(const std::function<void()>& call, const std::string& part,
                         ErrorKind kind = ErrorKind::data) {
  const std::string message = error_of(call, kind);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

}  // namespace vistas::test

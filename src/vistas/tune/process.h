// A program that runs beside this one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vistas::tune {

struct ProcessOptions {
  std::filesystem::path folder{};          // where it runs; empty: here
  std::filesystem::path log{};             // gets what it prints, behind what is there
  std::vector<std::string> environment{};  // "NAME=VALUE", beside this program's
  bool talks =
      false;  // its standard input and output are send() and receive(); the log gets errors
};

// Ctrl-C does not reach it: it has a process group of its own. It gets SIGTERM when this program
// dies, however that happens.
class Process {
 public:
  // words[0] is looked up in PATH; a program that cannot be started is a resource error.
  explicit Process(const std::vector<std::string>& words, const ProcessOptions& options = {});
  ~Process();  // ends it at once
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running();
  void wait();
  void ask_to_stop() const;  // SIGTERM

  // Of a process that has ended: its exit code, 128 + n after signal n.
  int exit_code() const { return exit_code_; }
  int64_t peak_memory_bytes() const { return peak_memory_; }

  // One line to its standard input and one from its standard output, without line ends; false when
  // it has gone.
  bool send(const std::string& line);
  bool receive(std::string& line);

 private:
  bool collect(int flags);

  pid_t pid_ = -1;
  int talk_ = -1;
  bool ended_ = false;
  int exit_code_ = 0;
  int64_t peak_memory_ = 0;
  std::string received_;
};

}  // namespace vistas::tune

#include "vistas/tune/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

#include "vistas/base/error.h"

namespace vistas::tune {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// This program's environment with some variables replaced.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    bool replaced = false;
    for (const std::string& name : more) {
      replaced = replaced || variable.starts_with(name.substr(0, name.find('=') + 1));
    }
    if (!replaced) all.emplace_back(variable);
  }
  return all;
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const ProcessOptions& options) {
  const std::vector<std::string> variables = environment_with(options.environment);
  const std::vector<char*> arguments = pointers(words), environment = pointers(variables);
  const std::string folder = options.folder.string();
  const std::string log = options.log.empty() ? "/dev/null" : options.log.string();
  int ends[2] = {-1, -1}, report[2] = {-1, -1};
  const bool made =
      (!options.talks || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) &&
      pipe2(report, O_CLOEXEC) == 0;
  const int output = made ? open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = getpid();
  pid_ = output < 0 || nothing < 0 ? -1 : fork();
  int problem = errno;
  if (pid_ == 0) {  // from here to exec only what is safe in a program with threads
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    dup2(options.talks ? ends[1] : nothing, STDIN_FILENO);
    dup2(options.talks ? ends[1] : output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    if (folder.empty() || chdir(folder.c_str()) == 0) {
      execvpe(arguments[0], arguments.data(), environment.data());
    }
    problem = errno;
    [[maybe_unused]] const ssize_t written = write(report[1], &problem, sizeof problem);
    _exit(127);
  }
  for (const int fd : {ends[1], report[1], output, nothing}) {
    if (fd >= 0) close(fd);
  }
  talk_ = ends[0];
  const bool failed = pid_ < 0 || read(report[0], &problem, sizeof problem) == sizeof problem;
  if (report[0] >= 0) close(report[0]);
  if (!failed) return;
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  if (talk_ >= 0) close(talk_);
  throw_system_error(words.front() + " cannot be started", problem);
}

Process::~Process() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    wait();
  }
  if (talk_ >= 0) close(talk_);
}

bool Process::collect(int flags) {
  int status = 0;
  rusage usage{};
  pid_t got = 0;
  while ((got = wait4(pid_, &status, flags, &usage)) < 0 && errno == EINTR) {
  }
  if (got != pid_) return false;
  ended_ = true;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  peak_memory_ = int64_t{usage.ru_maxrss} * 1024;
  return true;
}

bool Process::running() {
  return !ended_ && !collect(WNOHANG);
}

void Process::wait() {
  if (!ended_) collect(0);
}

void Process::ask_to_stop() const {
  if (!ended_) kill(pid_, SIGTERM);
}

bool Process::send(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t at = 0; at < text.size();) {
    const ssize_t sent = ::send(talk_, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += static_cast<size_t>(sent);
  }
  return true;
}

bool Process::receive(std::string& line) {
  size_t end = 0;
  while ((end = received_.find('\n')) == std::string::npos) {
    char buffer[4096];
    const ssize_t got = recv(talk_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    received_.append(buffer, static_cast<size_t>(got));
  }
  line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return true;
}

}  // namespace vistas::tune

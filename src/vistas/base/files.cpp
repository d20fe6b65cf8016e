#include "vistas/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "vistas/base/error.h"

namespace fs = std::filesystem;

namespace vistas {
namespace {

// A file descriptor that closes itself.
struct Descriptor {
  Descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0)
      : fd(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd < 0) throw_system_error(path.string() + ": cannot open", errno);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd); }
  int fd;
};

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY);
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(path.string() + ": cannot read", errno);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
  }
}

void sync_path(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (::fsync(file.fd) != 0 && errno != EINVAL) {
    throw_system_error(path.string() + ": cannot sync", errno);
  }
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    while (!content.empty()) {
      const ssize_t n = ::write(file.fd, content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        throw_system_error(path.string() + ": cannot write", error);
      }
      content.remove_prefix(static_cast<size_t>(n));
    }
    if (::fsync(file.fd) != 0) throw_system_error(path.string() + ": cannot sync", errno);
  }
  std::filesystem::rename(temporary, path);
  const std::filesystem::path parent = path.parent_path();
  sync_path(parent.empty() ? "." : parent);
}

void check_empty(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked into cannot be made either
  if (!fs::exists(path, ignored)) return;
  if (fs::is_directory(path, ignored) && fs::is_empty(path, ignored)) return;
  throw Error(ErrorKind::usage, {.what = path.string() + ": is there already",
                                 .expected = "a folder that is new or empty",
                                 .fix = "Give another folder, or remove this one"});
}

void write_folder_atomic(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  check_empty(path);
  fs::path folder = fs::absolute(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "out/"
  const fs::path temporary = folder.string() + ".tmp";
  std::error_code error;
  fs::remove_all(temporary, error);
  if (!error) fs::create_directories(temporary, error);
  if (error) throw_system_error(path.string() + ": cannot make the folder", error.value());
  try {
    write(temporary);
    for (const auto& entry : fs::recursive_directory_iterator(temporary)) sync_path(entry.path());
    sync_path(temporary);
    fs::rename(temporary, folder);
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  sync_path(folder.parent_path());
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) throw_system_error(path.string() + ": cannot stat", errno);
  if (!S_ISREG(info.st_mode)) {
    throw Error(ErrorKind::data, {.what = path.string() + ": not a regular file"});
  }
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED) throw_system_error(path.string() + ": cannot map", errno);
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace vistas

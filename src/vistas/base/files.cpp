#include "vistas/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "vistas/base/error.h"

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

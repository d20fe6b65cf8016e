// Reading and writing files so that a crash leaves either the old or the new content.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vistas {

// The whole content; throws a data error naming the path.
std::string read_file(const std::filesystem::path& path);

// Writes `path` + ".tmp", syncs it, renames it over `path` and syncs the folder.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// A usage error unless there is nothing at `path`, or an empty folder.
void check_empty(const std::filesystem::path& path);

// Makes a folder at `path`, where check_empty() finds nothing: `write` fills `path` + ".tmp", which
// is synced and renamed.
void write_folder_atomic(const std::filesystem::path& path,
                         const std::function<void(const std::filesystem::path&)>& write);

// Flushes a file or folder to disk.
void sync_path(const std::filesystem::path& path);

// A read-only memory map; empty files give an empty span.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vistas

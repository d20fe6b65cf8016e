#include "vistas/base/text_input.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "vistas/base/error.h"
#include "vistas/base/strings.h"

namespace vistas {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedLines = 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

MappedFile unpacked(const fs::path& path) {
  std::string place = (fs::temp_directory_path() / "vistas-text-XXXXXX").string();
  const int out = mkstemp(place.data());
  if (out < 0) throw_system_error(place, errno);
  const gzFile in = gzopen(path.c_str(), "rb");
  std::vector<char> block(1 << 20);
  int got = 0, failed = in ? 0 : errno;
  while (!failed && (got = gzread(in, block.data(), static_cast<unsigned>(block.size()))) > 0) {
    for (ssize_t done = 0; !failed && done < got;) {
      const ssize_t wrote = write(out, block.data() + done, static_cast<size_t>(got - done));
      if (wrote < 0) failed = errno;
      done += std::max<ssize_t>(wrote, 0);
    }
  }
  const bool damaged = in && gzclose(in) != Z_OK;
  close(out);
  if (failed || damaged || got < 0) {
    fs::remove(place);
    if (failed) throw_system_error(path.string() + ": unpacking into " + place, failed);
    throw Error(ErrorKind::data, {.what = path.string(), .got = "damaged or cut off gzip data"});
  }
  MappedFile map{fs::path(place)};
  fs::remove(place);
  return map;
}

}  // namespace

void BadLines::add(const std::string& error) {
  ++count;
  if (first.size() < kNamedLines) first.push_back(error);
}

std::string BadLines::summary() const {
  if (count == 0) return "";
  std::string text = fmt::format("{} {} left out:", count, count == 1 ? "line was" : "lines were");
  for (const std::string& line : first) text += "\n  " + line;
  if (count > static_cast<int64_t>(first.size())) text += "\n  ...";
  return text;
}

MappedFile map_text_file(const fs::path& path) {
  if (!fs::is_regular_file(path)) {
    throw Error(ErrorKind::data, {.what = path.string(),
                                  .got = fs::exists(path) ? "no file" : "nothing of that name",
                                  .expected = "a text file"});
  }
  return path.extension() == ".gz" ? unpacked(path) : MappedFile(path);
}

std::string_view text_of(const MappedFile& file) {
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

std::string first_line(const std::filesystem::path& path) {
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), &gzclose);
  std::string line(size_t{1} << 16, '\0');
  if (!file || gzgets(file.get(), line.data(), static_cast<int>(line.size())) == nullptr) return "";
  line.resize(std::min(line.find('\0'), line.find('\n')));
  return line;
}

std::string text_extension(const fs::path& path) {
  fs::path name = path.filename();
  if (name.extension() == ".gz") name = name.stem();
  return ascii_lower(name.extension().string());
}

}  // namespace vistas

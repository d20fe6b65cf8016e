// Pictures as single files: a folder, a text file of paths, or one picture.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string_view>
#include <tuple>

#include "vistas/base/error.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

// What a source of files is made of.
struct Files {
  fs::path base{};                         // of the names
  std::vector<std::string> names{};        // relative to base
  std::vector<int64_t> labels{};           // empty: none
  std::vector<std::string> class_names{};  // by label
  std::vector<int64_t> lines{};            // of the list that names the files; empty: no list
};

class FileSource : public EncodedSource {
 public:
  FileSource(const fs::path& where, Files files, const SourceOptions& options)
      : files_(std::move(files)) {
    where_ = where.string();
    class_names_ = std::move(files_.class_names);
    set_decoding(options);
  }

  int64_t size() const override { return static_cast<int64_t>(files_.names.size()); }
  std::string name(int64_t i) const override { return files_.names[static_cast<size_t>(i)]; }
  int64_t label(int64_t i) const override {
    return files_.labels.empty() ? -1 : files_.labels[static_cast<size_t>(i)];
  }
  int64_t stored_bytes(int64_t i) const override {
    std::error_code error;
    const auto size = fs::file_size(path(i), error);
    return error ? -1 : static_cast<int64_t>(size);
  }

 protected:
  std::string place(int64_t i) const override {
    const std::string file = path(i).string();
    if (files_.lines.empty()) return file;
    return fmt::format("{}:{}: {}", where_, files_.lines[static_cast<size_t>(i)], file);
  }

  Bytes encoded(int64_t i, std::vector<std::byte>& buffer) const override {
    return read_into(path(i), place(i), buffer);
  }

 private:
  fs::path path(int64_t i) const { return files_.base / files_.names[static_cast<size_t>(i)]; }

  Files files_;
};

// What one folder holds, hidden files left out.
struct Listing {
  std::vector<std::string> folders, pictures;
};

Listing list(const fs::path& folder) {
  Listing found;
  for_each_entry(folder, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) return;
    std::error_code ignored;
    if (entry.is_directory(ignored)) {
      found.folders.push_back(name);
    } else if (has_picture_extension(name) &&
               (entry.is_regular_file(ignored) || entry.is_symlink(ignored))) {
      found.pictures.push_back(name);  // a dangling link is a picture that cannot be read
    }
  });
  return found;
}

// A picture below the root of a source.
struct Found {
  std::string folder, file;  // relative to the root; of the folder

  std::string_view top() const {  // its class, if folders are classes
    return std::string_view(folder).substr(0, folder.find('/'));
  }
  bool operator<(const Found& other) const {
    return std::tuple(top(), std::string_view(folder), std::string_view(file)) <
           std::tuple(other.top(), std::string_view(other.folder), std::string_view(other.file));
  }
};

// All pictures below a folder, in the order of torchvision's ImageFolder: by class, folder and
// file name. Links are followed, except back into a folder that the walk is inside of.
class Walk {
 public:
  explicit Walk(const fs::path& root) {
    visit(root, "");
    std::sort(found_.begin(), found_.end());
  }

  const std::vector<Found>& found() const { return found_; }

  // The folders directly in the root that hold pictures; none if the root itself holds some.
  std::set<std::string> classes() const {
    std::set<std::string> names;
    for (const Found& f : found_) {
      if (f.folder.empty()) return {};
      names.insert(std::string(f.top()));
    }
    return names;
  }

 private:
  void visit(const fs::path& folder, const std::string& prefix) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) return;
    const auto identity = std::pair(info.st_dev, info.st_ino);
    if (!inside_.insert(identity).second) return;
    Listing listing = list(folder);
    for (std::string& file : listing.pictures) found_.push_back({prefix, std::move(file)});
    for (const std::string& name : listing.folders) {
      visit(folder / name, prefix.empty() ? name : prefix + "/" + name);
    }
    inside_.erase(identity);
  }

  std::set<std::pair<dev_t, ino_t>> inside_;
  std::vector<Found> found_;
};

std::vector<std::string> folder_splits(const fs::path& path) {
  std::vector<std::string> found;
  for (const char* name : {"train", "val", "valid", "validation", "test"}) {
    if (is_folder(path / name)) found.push_back(name);
  }
  if (found.size() < 2 || found.front() != "train") found.clear();
  return found;
}

std::unique_ptr<ImageSource> open_folder(const fs::path& path, const SourceOptions& options) {
  const fs::path root = options.split.empty() ? path : path / options.split;
  if (kTarKind.matches(root)) {
    SourceOptions shards = options;
    shards.split.clear();  // the folder is the split
    return kTarKind.open(root, shards);
  }
  const Walk walk(root);
  std::set<std::string> classes = walk.classes();
  if (!classes.empty()) {
    for (const std::string& split : folder_splits(path)) {  // labels must agree between the splits
      if (split != options.split) classes.merge(Walk(path / split).classes());
    }
  }
  Files files{.base = root, .class_names = {classes.begin(), classes.end()}};
  const auto first = files.class_names.begin(), last = files.class_names.end();
  for (const Found& f : walk.found()) {
    files.names.push_back(f.folder.empty() ? f.file : f.folder + "/" + f.file);
    if (first != last) files.labels.push_back(std::lower_bound(first, last, f.top()) - first);
  }
  return std::make_unique<FileSource>(root, std::move(files), options);
}

// ---- a text file of paths ----

bool is_list(const fs::path& path) {
  const std::string extension = lower(path.extension().string());
  return (extension == ".txt" || extension == ".lst" || extension == ".list") && is_file(path);
}

// One path a line, relative to the list; after a tab, the name of its class.
std::unique_ptr<ImageSource> open_list(const fs::path& path, const SourceOptions& options) {
  Files files{.base = path.parent_path()};
  std::vector<std::string> classes;
  std::ifstream in(path);
  if (!in) throw Error(ErrorKind::data, {.what = path.string() + ": cannot open"});
  bool first_has_class = false;
  int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    if (number == 0 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // a mark of UTF-8
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    const bool has_class = tab != line.npos;
    if (files.names.empty()) first_has_class = has_class;
    if (has_class != first_has_class) {
      throw Error(ErrorKind::data,
                  {.what = fmt::format("{}:{}", path.string(), number),
                   .got = has_class ? "a class after a tab" : "no class",
                   .expected = fmt::format("{} class, as in line {}", has_class ? "no" : "a",
                                           files.lines.front()),
                   .fix = "Give every line a tab and a class, or none"});
    }
    files.names.push_back(line.substr(0, tab));
    files.lines.push_back(number);
    if (has_class) classes.push_back(line.substr(tab + 1));
  }
  const std::set<std::string> sorted(classes.begin(), classes.end());
  files.class_names.assign(sorted.begin(), sorted.end());
  for (const std::string& c : classes) {
    files.labels.push_back(std::distance(sorted.begin(), sorted.find(c)));
  }
  return std::make_unique<FileSource>(path, std::move(files), options);
}

// ---- one picture ----

bool is_picture(const fs::path& path) {
  return is_file(path) && has_picture_extension(path.filename().string());
}

std::unique_ptr<ImageSource> open_picture(const fs::path& path, const SourceOptions& options) {
  Files one{.base = path.parent_path(), .names = {path.filename().string()}};
  return std::make_unique<FileSource>(path, std::move(one), options);
}

// ---- files that the caller has found ----

// The longest path that all files begin with.
fs::path common_folder(const std::vector<fs::path>& files) {
  fs::path common = files.front().parent_path();
  for (const fs::path& file : files) {
    const auto end = std::mismatch(common.begin(), common.end(), file.begin(), file.end()).first;
    fs::path shared;
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = std::move(shared);
  }
  return common;
}

}  // namespace

std::unique_ptr<ImageSource> open_files(std::vector<fs::path> files, const SourceOptions& options) {
  if (files.empty()) throw Error(ErrorKind::data, {.what = "no picture files"});
  Files named{.base = common_folder(files)};
  for (const fs::path& file : files) {
    named.names.push_back(
        (named.base.empty() ? file : file.lexically_relative(named.base)).string());
  }
  const fs::path where = named.base.empty() ? fs::path(".") : named.base;
  std::unique_ptr<ImageSource> source =
      std::make_unique<FileSource>(where, std::move(named), options);
  if (options.cache_mb > 0) source = cached(std::move(source), options.cache_mb);
  return source;
}

const SourceKind kFolderKind{is_folder, folder_splits, open_folder};
const SourceKind kListKind{is_list, no_splits, open_list};
const SourceKind kPictureKind{is_picture, no_splits, open_picture};

}  // namespace vistas::vision

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

class FileSource : public EncodedSource {
 public:
  FileSource(const fs::path& where, fs::path base, std::vector<std::string> files,
             std::vector<int64_t> labels, std::vector<std::string> class_names,
             const SourceOptions& options)
      : base_(std::move(base)), files_(std::move(files)), labels_(std::move(labels)) {
    where_ = where.string();
    class_names_ = std::move(class_names);
    set_decoding(options);
  }

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  std::string name(int64_t i) const override { return files_[static_cast<size_t>(i)]; }
  int64_t label(int64_t i) const override {
    return labels_.empty() ? -1 : labels_[static_cast<size_t>(i)];
  }
  int64_t stored_bytes(int64_t i) const override {
    std::error_code error;
    const auto size = fs::file_size(base_ / files_[static_cast<size_t>(i)], error);
    return error ? -1 : static_cast<int64_t>(size);
  }

 protected:
  Bytes encoded(int64_t i, std::vector<std::byte>& buffer) const override {
    return read_into(base_ / files_[static_cast<size_t>(i)], buffer);
  }

 private:
  fs::path base_;
  std::vector<std::string> files_;  // relative to base_
  std::vector<int64_t> labels_;     // empty: none
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
    std::error_code ignored;  // a dangling link is neither
    if (entry.is_directory(ignored)) {
      found.folders.push_back(name);
    } else if (has_picture_extension(name) && entry.is_regular_file(ignored)) {
      found.pictures.push_back(name);
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
  const std::vector<std::string> names(classes.begin(), classes.end());
  std::vector<std::string> files;
  std::vector<int64_t> labels;
  for (const Found& f : walk.found()) {
    files.push_back(f.folder.empty() ? f.file : f.folder + "/" + f.file);
    if (names.empty()) continue;
    labels.push_back(std::lower_bound(names.begin(), names.end(), f.top()) - names.begin());
  }
  return std::make_unique<FileSource>(root, root, std::move(files), std::move(labels), names,
                                      options);
}

// ---- a text file of paths ----

bool is_list(const fs::path& path) {
  const std::string extension = lower(path.extension().string());
  return (extension == ".txt" || extension == ".lst" || extension == ".list") && is_file(path);
}

// One path a line, relative to the list; after a tab, the name of its class.
std::unique_ptr<ImageSource> open_list(const fs::path& path, const SourceOptions& options) {
  std::vector<std::string> files, classes;
  std::ifstream in(path);
  if (!in) throw Error(ErrorKind::data, {.what = path.string() + ": cannot open"});
  size_t with_class = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    files.push_back(line.substr(0, tab));
    classes.push_back(tab == line.npos ? "" : line.substr(tab + 1));
    with_class += tab != line.npos;
  }
  std::vector<std::string> names;
  std::vector<int64_t> labels;
  if (with_class > 0) {
    const std::set<std::string> sorted(classes.begin(), classes.end());
    if (with_class < files.size()) {
      throw Error(ErrorKind::data,
                  {.what = path.string() + ": some lines have a class after a tab and some do not",
                   .got = fmt::format("{} of {}", with_class, files.size())});
    }
    names.assign(sorted.begin(), sorted.end());
    for (const std::string& c : classes) {
      labels.push_back(std::lower_bound(names.begin(), names.end(), c) - names.begin());
    }
  }
  return std::make_unique<FileSource>(path, path.parent_path(), std::move(files), std::move(labels),
                                      std::move(names), options);
}

// ---- one picture ----

bool is_picture(const fs::path& path) {
  return is_file(path) && has_picture_extension(path.filename().string());
}

std::unique_ptr<ImageSource> open_picture(const fs::path& path, const SourceOptions& options) {
  return std::make_unique<FileSource>(path, path.parent_path(),
                                      std::vector{path.filename().string()}, std::vector<int64_t>{},
                                      std::vector<std::string>{}, options);
}

}  // namespace

const SourceKind kFolderKind{is_folder, folder_splits, open_folder};
const SourceKind kListKind{is_list, no_splits, open_list};
const SourceKind kPictureKind{is_picture, no_splits, open_picture};

}  // namespace vistas::vision

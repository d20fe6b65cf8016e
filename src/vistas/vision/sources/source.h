// Where pictures come from: folders, lists, archives and packed files behind one interface.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/vision/sources/decode.h"
#include "vistas/vision/sources/image.h"

namespace vistas::vision {

struct SourceOptions {
  std::string split = "";  // of a data set with splits; empty: train if there is one
  // auto: grey where all of a few pictures are grey, rgb where some are RGB, else keep.
  std::string channels = "auto";
  int64_t max_pixels = int64_t{1} << 28;
  int64_t scaled_side = 0;            // see DecodeOptions
  std::string on_bad_image = "skip";  // see SampleReader
  int64_t cache_mb = 0;               // decoded pictures kept in memory

  void fields(Fields& f);
};

// Picks the part of a picture that is needed.
using ChooseBox = std::function<Box(const PictureInfo&)>;

// A numbered set of pictures. All functions may be called by many threads at once; what cannot be
// read or decoded is a data error that names the file.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual int64_t size() const = 0;
  virtual std::string name(int64_t i) const = 0;      // path within the source, as shown
  virtual int64_t label(int64_t i) const = 0;         // -1: unknown
  virtual int64_t stored_bytes(int64_t i) const = 0;  // size of the file or record
  virtual PictureInfo info(int64_t i) const = 0;      // reads the header only

  // Reads at least the box that `choose` picks (everything if `choose` is empty; otherwise it is
  // called once, also by sources that always hand out everything). The view is into
  // `storage` or the source's own memory and valid while both live and `storage` is not used
  // again; `got` tells which part of the picture it shows.
  virtual ImageView read_part(int64_t i, const ChooseBox& choose, Image& storage,
                              Box& got) const = 0;

  // The same for a box that is already known; everything if `needed` is null.
  ImageView read(int64_t i, const Box* needed, Image& storage, Box& got) const;

  const std::vector<std::string>& class_names() const { return class_names_; }  // by label
  bool labelled() const { return !class_names_.empty(); }
  const std::string& where() const { return where_; }  // the path opened, with the split's folder

 protected:
  std::vector<std::string> class_names_{};
  std::string where_{};
};

// Opens what is at `path`, told by its content: a folder of pictures with or without class folders
// (class names sorted by bytes), a folder with train/ and test/ or val/, one picture, a text file
// of paths, CIFAR-10/100 binary files, IDX files, tar shards ("shard-{00..09}.tar" or a folder of
// them), or a packed file. A path without any picture is a data error.
std::unique_ptr<ImageSource> open_source(const std::filesystem::path& path,
                                         const SourceOptions& options = {});

// Exactly these picture files in this order, without labels; which of them can be read is not
// looked at. Names are relative to the folder they have in common. `options.split` has no meaning.
std::unique_ptr<ImageSource> open_files(std::vector<std::filesystem::path> files,
                                        const SourceOptions& options = {});

// The splits of the data set at `path` ("train", "val", "test"); empty if it has none.
std::vector<std::string> splits_of(const std::filesystem::path& path);

// The samples `indices` of `source`, in that order.
std::unique_ptr<ImageSource> subset(std::shared_ptr<const ImageSource> source,
                                    std::vector<int64_t> indices);

// Keeps decoded pictures in memory until `megabytes` are used; the pixels are the same.
std::unique_ptr<ImageSource> cached(std::shared_ptr<const ImageSource> source, int64_t megabytes);

// A data error that names `purpose` ("the linear probe") if the source has no labels.
void require_labels(const ImageSource& source, const std::string& purpose);

// A hash of names, labels and sizes: whether a run resumes on the data it began with.
uint64_t fingerprint(const ImageSource& source);

}  // namespace vistas::vision

// The layouts of data sets with boxes or masks, and what their readers share. Private to the
// sources.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/vision/sources/annotations.h"
#include "vistas/vision/sources/decode.h"

namespace vistas::vision {

// What cannot be used.
enum class Problem : uint8_t {
  empty_box,
  outside,
  no_numbers,
  unknown_class,
  unknown_picture,
  missing_picture,
  unreadable_picture,
  listed_twice,
  missing_file,
  unreadable_file,
  missing_mask,
  bad_line,
};

// Counts what cannot be used, or throws a data error of it, as on_bad_annotation says.
class ProblemLog {
 public:
  explicit ProblemLog(const AnnotationOptions& options)
      : fail_(options.on_bad_annotation == "fail") {}

  // `where`: file and line or field; `got`: what was found there.
  void add(Problem problem, const std::string& where, const std::string& got = "");

  AnnotationProblems found{};

 private:
  bool fail_;
};

// A split by the name that is shown and the one it has on disk.
struct Split {
  std::string name{}, on_disk{};
};

// Names from disk with train, val and test first. "train2017" is shown as "train", unless two would
// be shown alike.
std::vector<Split> name_splits(std::vector<std::string> on_disk);

// A layout. `root` is a folder, or a file where a layout consists of one.
template <class Pictures>
struct AnnotationKind {
  const char* name;
  const char* looks_like;
  bool (*matches)(const std::filesystem::path& root);
  std::vector<Split> (*splits)(const std::filesystem::path& root);
  // `split` is one of splits(root), or empty if there are none. Fills pictures with what belongs to
  // them, and class_names.
  Pictures (*read)(const std::filesystem::path& root, const Split& split, ProblemLog& log);
};
extern const AnnotationKind<BoxedPictures> kVocBoxes, kCocoBoxes, kYoloBoxes;
extern const AnnotationKind<MaskedPictures> kCamvidMasks, kVocMasks, kFolderMasks;

// Appends the part of `box` inside a picture of width x height to `to`; logs what is no box there.
void keep_box(const ObjectBox& box, double width, double height, const std::string& where,
              ProblemLog& log, std::vector<ObjectBox>& to);

// From the header of a picture; logged if it cannot be read.
std::optional<PictureInfo> probe_file(const std::filesystem::path& picture,
                                      const std::string& where, ProblemLog& log);

// More classes than this are taken for a mistake.
inline constexpr int64_t kMaxClasses = 1 << 16;

// The number that `text` is as a whole, NaN if it is none.
double to_number(std::string_view text);
// A number as the index of a class, below kMaxClasses; -1 if it is none.
int64_t to_index(double number);

std::vector<std::string_view> words_of(std::string_view text);

// The lines of a text file that are not blank, without blanks at both ends.
struct ListLine {
  int64_t number = 0;
  std::string text{};
};
std::vector<ListLine> lines_of(Bytes bytes);
std::vector<ListLine> read_list(const std::filesystem::path& file);

// Files by their name without extension, sorted by bytes; pictures of any kind or those of one
// extension (".xml", in any case). A folder that is missing has none.
using FilesByStem = std::map<std::string, std::vector<std::filesystem::path>>;
FilesByStem pictures_by_stem(const std::filesystem::path& folder);
FilesByStem files_by_stem(const std::filesystem::path& folder, const std::string& extension);

// The names of classes, one on each line.
std::vector<std::string> names_in(const std::filesystem::path& file);

// ---- files, apart from the layouts so that fuzzers can call them; all throw data errors ----

// An annotation file of Pascal VOC. What is missing in an object is NaN or empty.
struct VocObject {
  std::string name{};
  double left = 0, top = 0, right = 0, bottom = 0;
  bool difficult = false;
  int64_t line = 0;
};
struct VocFile {
  std::string picture{};         // the file name it gives
  double width = 0, height = 0;  // 0: not given
  std::vector<VocObject> objects{};
};
VocFile parse_voc(Bytes bytes, const std::string& name);

// The part of a JSON file of COCO that counts. Ids are -1 where they are missing or no whole
// numbers.
struct CocoPicture {
  int64_t id = -1;
  std::string file{};
  double width = 0, height = 0;  // 0: not given
};
struct CocoBox {
  int64_t id = -1, picture = -1, category = -1;
  std::array<double, 4> numbers{};  // x, y, width, height; NaN where there is no number
  bool crowd = false;
};
struct CocoCategory {
  int64_t id = -1;
  std::string name{};
};
struct CocoFile {
  std::vector<CocoPicture> pictures{};
  std::vector<CocoBox> boxes{};
  std::vector<CocoCategory> categories{};  // all with id and name
};
CocoFile parse_coco(Bytes bytes, const std::string& name);

// A label file of YOLO: a line a box. The shares of the picture are NaN where there is no number.
struct YoloLine {
  int64_t number = 0;
  size_t fields = 0;  // 5, if it is a box
  std::string label_text{};
  int64_t label = -1;              // see to_index()
  std::array<double, 4> shares{};  // cx, cy, w, h
};
std::vector<YoloLine> parse_yolo(Bytes bytes);

// A *.yaml file that describes a data set. What is missing is empty.
struct DataFile {
  struct Folders {
    std::string split{}, pictures{}, masks{};  // as they are written
  };
  std::vector<std::string> names{};  // of classes by index; "" for those without
  std::string base{};                // of the folders
  std::vector<Folders> splits{};
};
DataFile parse_data_yaml(Bytes bytes, const std::string& name);

// The first one in `root` that names classes.
std::optional<DataFile> find_data_yaml(const std::filesystem::path& root);

// Where a folder of such a file is: in `base`, in `root` or beside it; a leading "../" may be
// wrong, as in exports of Roboflow.
std::optional<std::filesystem::path> find_folder(const std::filesystem::path& root,
                                                 const std::string& base,
                                                 const std::string& relative);

}  // namespace vistas::vision

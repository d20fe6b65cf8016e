// How a file of interactions is laid out, as it says or as its first lines show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/recommend/sources/fields.h"

namespace vistas::recommend {

struct InteractionOptions {
  std::string format = "auto";
  std::string separator = "auto";
  std::string header = "auto";
  std::string user{}, item{}, weight{}, time{};
  double min_weight = 0;
  std::string duplicates = "last";
  std::string on_bad_line = "skip";

  void fields(Fields& f);
};

enum class FileKind {
  table,      // a line an interaction
  lists,      // user item item item: LightGCN, S3Rec
  sequences,  // user:item item item: SELFRec
};

struct FileLayout {
  FileKind kind = FileKind::table;
  Separator separator = Separator::blanks;
  bool header = false;
  bool typed = false;                // RecBole's header
  std::vector<std::string> columns;  // of a table
  int user = 0, item = 1, weight = -1, time = -1;

  // "a table separated by tab, user in user_id, item in item_id, weight in rating"
  std::string describe() const;
};

// `name` names the file in errors and may give the format by its ending. What the options leave
// open comes from the first lines. A header that names no user or no item is a data error that
// lists its columns; a column asked for that is not there is a usage error.
FileLayout detect_layout(std::string_view content, const std::string& name,
                         const InteractionOptions& options);

// The column whose name data sets give to items, -1 if there is none.
int item_column(const std::vector<std::string>& names);

}  // namespace vistas::recommend

#include "vistas/app/told_progress.h"

#include <utility>

namespace vistas::app {

recipe::EvalProgress told_progress(StatusLine& status) {
  return [&status, counted = std::string(), count = vision::FeatureProgress()](
             const std::string& doing, int64_t done, int64_t all) mutable {
    if (all == 0) return status.show(doing);
    if (doing != std::exchange(counted, doing)) count = counted_progress(status, doing);
    count(done, all);
  };
}

}  // namespace vistas::app

#include <algorithm>
#include <atomic>
#include <vector>

#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

// Slots are filled once and never emptied, so that a view stays valid without a lock.
class Cached : public ImageSource {
 public:
  Cached(std::shared_ptr<const ImageSource> source, int64_t megabytes)
      : source_(std::move(source)),
        budget_(megabytes << 20),
        slots_(static_cast<size_t>(source_->size())) {
    class_names_ = source_->class_names();
    where_ = source_->where();
  }
  Cached(const Cached&) = delete;
  Cached& operator=(const Cached&) = delete;
  ~Cached() override {
    for (auto& slot : slots_) delete slot.load();
  }

  int64_t size() const override { return source_->size(); }
  std::string name(int64_t i) const override { return source_->name(i); }
  int64_t label(int64_t i) const override { return source_->label(i); }
  int64_t stored_bytes(int64_t i) const override { return source_->stored_bytes(i); }
  PictureInfo info(int64_t i) const override { return source_->info(i); }

  ImageView read_part(int64_t i, const ChooseBox& choose, Image& storage, Box& got) const override {
    auto& slot = slots_[static_cast<size_t>(i)];
    if (const Image* image = slot.load(std::memory_order_acquire)) {
      return whole(image->view(), choose, got);
    }
    if (used_.load(std::memory_order_relaxed) >= budget_) {
      return source_->read_part(i, choose, storage, got);
    }
    const ImageView view = source_->read_part(i, {}, storage, got);
    if (view.data == storage.data()) keep(storage, slot);  // otherwise it is in memory already
    return whole(view, choose, got);
  }

 private:
  void keep(const Image& image, std::atomic<const Image*>& slot) const {
    const auto bytes = static_cast<int64_t>(image.size_bytes());
    if (used_.fetch_add(bytes) + bytes > budget_) {
      used_ = budget_;  // full from now on
      return;
    }
    auto copy =
        std::make_unique<Image>(image.height(), image.width(), image.channels(), image.type());
    std::copy_n(image.data(), bytes, copy->data());
    const Image* none = nullptr;
    if (slot.compare_exchange_strong(none, copy.get(), std::memory_order_acq_rel)) copy.release();
  }

  std::shared_ptr<const ImageSource> source_;
  int64_t budget_;
  mutable std::atomic<int64_t> used_{0};
  mutable std::vector<std::atomic<const Image*>> slots_;
};

}  // namespace

std::unique_ptr<ImageSource> cached(std::shared_ptr<const ImageSource> source, int64_t megabytes) {
  return std::make_unique<Cached>(std::move(source), megabytes);
}

}  // namespace vistas::vision

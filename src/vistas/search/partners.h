// Callers that hold the same data and share the work on it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace vistas::search {

// They make the same calls in the same order; this one does part() of parts().
class Partners {
 public:
  virtual ~Partners() = default;
  virtual int64_t part() const = 0;
  virtual int64_t parts() const = 0;
  virtual void sum_(at::Tensor& t) const = 0;                // over all partners
  virtual at::Tensor gather(const at::Tensor& t) const = 0;  // [parts, ...], by part
};

// While alive, searches, losses over all pairs and sums over rows on this thread are shared where
// so much is to be done that this pays. Their results are whole, and the same for all partners.
class PartnersScope {
 public:
  explicit PartnersScope(const Partners& partners);
  ~PartnersScope();
  PartnersScope(const PartnersScope&) = delete;
  PartnersScope& operator=(const PartnersScope&) = delete;

  // Null where no scope is alive, or where there is so little to do, `products` of two numbers,
  // that partners would wait for each other longer than they compute.
  static const Partners* current(int64_t products);

 private:
  const Partners* before_;
};

// The rows of `part`: as many for all, but one more for the first ones where they do not divide.
struct Chunk {
  int64_t begin = 0, rows = 0;
};
Chunk chunk_of(int64_t rows, int64_t part, int64_t parts);

// All `rows` rows, where `own` are those of this one's chunk.
at::Tensor gather_chunks(const Partners& partners, const at::Tensor& own, int64_t rows);

}  // namespace vistas::search

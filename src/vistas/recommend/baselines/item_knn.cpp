#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vistas/recommend/baselines/baselines.h"

namespace vistas::recommend {
namespace {

double inverse_or_zero(double x) {
  return x > 0 ? 1 / x : 0;
}

// Weights as products w_iu = item_i user_u.
struct Weights {
  std::vector<double> item, user;
};

Weights weights_of(const IdLists& users_of_items, const IdLists& train,
                   const ItemKnnOptions& options) {
  const int64_t items = users_of_items.size();
  Weights w{std::vector<double>(static_cast<size_t>(items)),
            std::vector<double>(static_cast<size_t>(train.size()), 1.0)};
  if (options.weights != ItemWeights::cosine) {
    for (int64_t u = 0; u < train.size(); ++u) {
      w.user[static_cast<size_t>(u)] =
          std::log(static_cast<double>(items)) - std::log1p(static_cast<double>(train[u].size()));
    }
  }
  const double mean = static_cast<double>(train.ids.size()) / static_cast<double>(items);
  for (int64_t i = 0; i < items; ++i) {
    double& of_item = w.item[static_cast<size_t>(i)];
    const auto count = static_cast<double>(users_of_items[i].size());
    if (options.weights == ItemWeights::bm25) {
      const double length = 1 - options.b + options.b * count / mean;
      of_item = (options.k1 + 1) / (options.k1 * length + 1);
    } else {
      double squares = 0;
      for (const int32_t u : users_of_items[i]) {
        squares += w.user[static_cast<size_t>(u)] * w.user[static_cast<size_t>(u)];
      }
      of_item = inverse_or_zero(std::sqrt(squares));
    }
  }
  return w;
}

// Sums at few of many places.
class SparseSums {
 public:
  void resize(size_t places) { sums_.resize(places); }

  void add(size_t place, double value) {
    if (sums_[place] == 0) touched_.push_back(place);
    sums_[place] += value;
  }

  // use(place, sum) for each place added to; all are 0 again.
  template <class Use>
  void take(const Use& use) {
    for (const size_t place : touched_) {
      use(place, sums_[place]);
      sums_[place] = 0;
    }
    touched_.clear();
  }

 private:
  std::vector<double> sums_;
  std::vector<size_t> touched_;
};

constexpr float kNothing = -std::numeric_limits<float>::infinity();

}  // namespace

measure::SparseRows item_neighbours(const IdLists& train, int64_t items,
                                    const ItemKnnOptions& options) {
  check_ids(train, items, "training items");
  const OwnIdLists transposed_lists = transposed(train, items);
  const IdLists users_of_items = transposed_lists.view();
  const Weights w = weights_of(users_of_items, train, options);
  // top_k_of prefers lower columns, so column c stands for item `items - 1 - c`.
  const search::TopK best =
      search::top_k_of(items, items, options.neighbours, {}, [&](int64_t i, std::span<float> out) {
        std::ranges::fill(out, kNothing);
        thread_local SparseSums sums;
        sums.resize(out.size());
        for (const int32_t u : users_of_items[i]) {
          const double square = w.user[static_cast<size_t>(u)] * w.user[static_cast<size_t>(u)];
          for (const int32_t j : train[u]) sums.add(static_cast<size_t>(j), square);
        }
        sums.take([&](size_t j, double sum) {
          out[out.size() - 1 - j] =
              static_cast<float>(w.item[static_cast<size_t>(i)] * w.item[j] * sum);
        });
      });
  measure::SparseRows rows{.columns = items};
  const int64_t width = best.indices.size(1);
  std::vector<std::pair<int32_t, float>> row;
  for (int64_t i = 0; i < items; ++i) {
    row.clear();
    for (int64_t place = i * width; place < (i + 1) * width; ++place) {
      const int64_t column = best.indices.const_data_ptr<int64_t>()[place];
      if (column < 0) break;
      row.emplace_back(static_cast<int32_t>(items - 1 - column),
                       best.scores.const_data_ptr<float>()[place]);
    }
    std::ranges::sort(row);
    for (const auto& [j, similarity] : row) {
      rows.indices.push_back(j);
      rows.values.push_back(similarity);
    }
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  return rows;
}

search::TopK item_knn_lists(const IdLists& train, int64_t items, int64_t k,
                            const search::RowFilter& filter, const ItemKnnOptions& options) {
  const measure::SparseRows near = item_neighbours(train, items, options);
  return search::top_k_of(train.size(), items, k, filter, [&](int64_t u, std::span<float> out) {
    std::ranges::fill(out, kNothing);
    for (const int32_t i : train[u]) {
      for (auto n = static_cast<size_t>(near.offsets[static_cast<size_t>(i)]);
           n < static_cast<size_t>(near.offsets[static_cast<size_t>(i) + 1]); ++n) {
        float& score = out[static_cast<size_t>(near.indices[n])];
        score = near.values[n] + (score == kNothing ? 0 : score);
      }
    }
  });
}

}  // namespace vistas::recommend

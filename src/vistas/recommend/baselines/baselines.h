// Recommendation without training: what a model must beat.
#pragma once

#include <cstdint>
#include <functional>

#include "vistas/base/id_lists.h"
#include "vistas/measure/sparse.h"
#include "vistas/search/top_k.h"

namespace vistas::recommend {

// Each function gives every user the k best of `items` items that the filter leaves, as
// search::top_k does: equal scores by lower item, -1 behind the end of a shorter list. train[u]:
// the items of user u, which the filter leaves out where they are not to be recommended again; ids
// not below `items` are a data error.

// The items that occur most in training.
search::TopK popularity_lists(const IdLists& train, int64_t items, int64_t k,
                              const search::RowFilter& filter);

// Weight w_iu of user u for item i that has it, n_i users of i, n_u items of u, n items in all:
//
//   cosine  1 / sqrt(n_i)
//   tf_idf  idf_u / sqrt(sum over users v of i of idf_v^2),    idf_u = log(n / (1 + n_u))
//   bm25    idf_u (k1 + 1) / (k1 (1 - b + b n_i / mean n) + 1)
enum class ItemWeights { cosine, tf_idf, bm25 };

struct ItemKnnOptions {
  ItemWeights weights = ItemWeights::tf_idf;
  int64_t neighbours = 20;  // of an item, itself among them
  double k1 = 1.2, b = 0.75;
};

// The neighbours j of each item i by similarity sum_u w_iu w_ju, of equal ones the higher items, as
// implicit keeps them; row i has them ascending. As CosineRecommender, TFIDFRecommender and
// BM25Recommender of implicit 0.7.3.
measure::SparseRows item_neighbours(const IdLists& train, int64_t items,
                                    const ItemKnnOptions& options = {});

// Score of item j: the sum of its similarity to the user's items i that have j as a neighbour;
// items without any are not listed.
search::TopK item_knn_lists(const IdLists& train, int64_t items, int64_t k,
                            const search::RowFilter& filter, const ItemKnnOptions& options = {});

// EASE^R (Steck, "Embarrassingly shallow autoencoders for sparse data", 2019, eq. 8): scores X B,
// X the users x items matrix of zeros and ones and B the minimum of |X - X B|^2 + l2 |B|^2 with a
// zero diagonal:
//
//   P = (X^T X + l2)^-1,  B_ij = -P_ij / P_jj
//
// In float32: 4 items^2 bytes, 6.7 GB for 40,981 items, and some items^3 / 2 multiplications and as
// many additions. A resource error where the machine has less memory than that. `progress` hears
// how many of the blocks of columns are inverted.
search::TopK ease_lists(const IdLists& train, int64_t items, int64_t k,
                        const search::RowFilter& filter, double l2,
                        const std::function<void(int64_t done, int64_t all)>& progress = {});

}  // namespace vistas::recommend

// Loops compiled for the widest vector instructions of the CPU at hand, chosen at run time.
#pragma once

namespace vistas {

#if defined(__x86_64__) && defined(__GNUC__)

// `flatten` pulls the body into the function, where the compiler vectorises it for the target.
template <class Body>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512"),
  gnu::flatten]] void
run_avx512(const Body& body) {
  body();
}

template <class Body>
[[gnu::target("avx2,fma"), gnu::flatten]] void run_avx2(const Body& body) {
  body();
}

// Calls body(); give it plain loops over arrays and nothing that cannot be inlined.
template <class Body>
void vectorize(const Body& body) {
  static const bool avx512 = __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512dq") &&
                             __builtin_cpu_supports("avx512vl");
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512) {
    run_avx512(body);
  } else if (avx2) {
    run_avx2(body);
  } else {
    body();
  }
}

#else

template <class Body>
void vectorize(const Body& body) {
  body();
}

#endif

}  // namespace vistas

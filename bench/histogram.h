#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

/* Counts in buckets of 1/128 relative width (the idea of HdrHistogram, https://hdrhistogram.org): every
 * percentile is exact to 0.8 % over the whole range, and recording costs no allocation and no sorting. */
#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)

typedef struct {
  uint64_t counts[(64 - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB];
  uint64_t total;
  uint64_t max;
} histogram;

static inline unsigned histogram_slot(uint64_t value) {
  if (value < HISTOGRAM_SUB) return (unsigned)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
  return ((shift + 1) << HISTOGRAM_SUB_BITS) + (unsigned)((value >> shift) & (HISTOGRAM_SUB - 1));
}

/* The largest value of a slot: a percentile is never reported better than it was. */
static inline uint64_t histogram_ceiling(unsigned slot) {
  if (slot < HISTOGRAM_SUB) return slot;
  unsigned shift = (slot >> HISTOGRAM_SUB_BITS) - 1;
  uint64_t mantissa = HISTOGRAM_SUB + (slot & (HISTOGRAM_SUB - 1));
  return ((mantissa + 1) << shift) - 1;
}

static inline void histogram_add(histogram *h, uint64_t value) {
  h->counts[histogram_slot(value)]++;
  h->total++;
  if (value > h->max) h->max = value;
}

static inline uint64_t histogram_at(const histogram *h, double quantile) {
  uint64_t wanted = (uint64_t)(quantile * (double)h->total + 0.5), seen = 0;
  if (wanted == 0) wanted = 1;
  for (unsigned slot = 0; slot < sizeof h->counts / sizeof *h->counts; slot++) {
    seen += h->counts[slot];
    if (seen >= wanted) return histogram_ceiling(slot) < h->max ? histogram_ceiling(slot) : h->max;
  }
  return h->max;
}

/* Values are nanoseconds; printed as microseconds. */
static inline void histogram_print(FILE *out, const char *name, const histogram *h) {
  fprintf(out, "\"%s\":{\"count\":%llu,\"p50Us\":%.1f,\"p90Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"maxUs\":%.1f}", name,
          (unsigned long long)h->total, (double)histogram_at(h, 0.5) / 1e3, (double)histogram_at(h, 0.9) / 1e3,
          (double)histogram_at(h, 0.99) / 1e3, (double)histogram_at(h, 0.999) / 1e3, (double)h->max / 1e3);
}

#endif

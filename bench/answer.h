#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Reads one HTTP/1.1 answer as its bytes come, and counts what a stream of events must contain. */

typedef enum { HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, COMPLETE, BROKEN } answer_state;

typedef struct {
  answer_state state;
  int status;
  bool closes;
  uint64_t left;
  char head[4096];
  size_t head_length;
  /* Of the body: */
  uint64_t bytes, events, stamps;
  bool after_newline;
  char tail[16];
  unsigned stamp_step;
  uint64_t stamp;
} answer;

/* Called with each stamp ("t=123 in nanoseconds) found in the body. */
typedef void (*on_stamp)(uint64_t stamp_ns);

static inline void answer_reset(answer *a) {
  a->state = HEAD;
  a->head_length = 0;
  a->bytes = a->events = a->stamps = 0;
  a->after_newline = false;
  a->stamp_step = 0;
  memset(a->tail, 0, sizeof a->tail);
}

static inline bool answer_ends_done(const answer *a) {
  return memcmp(a->tail + 2, "data: [DONE]\n\n", 14) == 0;
}

static inline const char *answer_header(const answer *a, const char *name) {
  size_t length = strlen(name);
  for (const char *line = a->head; (line = strstr(line, "\r\n")) != NULL;) {
    line += 2;
    if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
      line += length + 1;
      while (*line == ' ') line++;
      return line;
    }
  }
  return NULL;
}

static inline void answer_read_head(answer *a) {
  if (strncmp(a->head, "HTTP/1.", 7) != 0) {
    a->state = BROKEN;
    return;
  }
  a->status = atoi(a->head + 9);
  const char *connection = answer_header(a, "connection");
  a->closes = connection && strncasecmp(connection, "close", 5) == 0;
  const char *length = answer_header(a, "content-length"), *encoding = answer_header(a, "transfer-encoding");
  if (encoding && strncasecmp(encoding, "chunked", 7) == 0) {
    a->state = CHUNK_SIZE;
    a->left = 0;
  } else if (length) {
    a->left = strtoull(length, NULL, 10);
    a->state = a->left ? LENGTH : COMPLETE;
  } else {
    a->state = BROKEN;
  }
}

static inline void answer_find_stamps(answer *a, const char *p, const char *end, on_stamp found) {
  static const char opening[] = "\"t=";
  for (; p < end; p++) {
    if (a->stamp_step == 3) {
      if (*p >= '0' && *p <= '9') {
        a->stamp = a->stamp * 10 + (uint64_t)(*p - '0');
        continue;
      }
      a->stamps++;
      a->stamp_step = 0;
      found(a->stamp);
    } else if (*p == opening[a->stamp_step]) {
      if (++a->stamp_step == 3) a->stamp = 0;
      continue;
    }
    a->stamp_step = *p == '"';
  }
}

static inline void answer_body(answer *a, const char *p, size_t n, on_stamp found) {
  if (n == 0) return;
  size_t kept = n < sizeof a->tail ? n : sizeof a->tail;
  const char *at = p, *end = p + n;
  bool after = false;
  /* An event ends at an empty line; looking at newlines only costs little beside receiving. */
  if (a->after_newline && *at == '\n') a->events++, at++;
  while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
    after = ++at == end;
    if (!after && *at == '\n') a->events++, at++;
  }
  a->after_newline = after;
  memmove(a->tail, a->tail + kept, sizeof a->tail - kept);
  memcpy(a->tail + sizeof a->tail - kept, end - kept, kept);
  a->bytes += n;
  if (found) answer_find_stamps(a, p, end, found);
}

/* Takes bytes in; returns how many belonged to this answer. Stops at COMPLETE or BROKEN. */
static inline size_t answer_take(answer *a, const char *bytes, size_t length, on_stamp found) {
  const char *p = bytes, *end = bytes + length;
  while (p < end && a->state != COMPLETE && a->state != BROKEN) {
    switch (a->state) {
      case HEAD: {
        if (a->head_length == sizeof a->head - 1) {
          a->state = BROKEN;
          break;
        }
        size_t before = a->head_length, room = sizeof a->head - 1 - before;
        size_t n = (size_t)(end - p) < room ? (size_t)(end - p) : room;
        memcpy(a->head + before, p, n);
        a->head[a->head_length = before + n] = 0;
        char *blank = strstr(a->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
        if (!blank) {
          p += n;
          break;
        }
        size_t head = (size_t)(blank - a->head) + 4;
        a->head[head] = 0;
        p += head - before;
        answer_read_head(a);
        break;
      }
      case LENGTH:
      case CHUNK_DATA: {
        size_t n = (uint64_t)(end - p) < a->left ? (size_t)(end - p) : (size_t)a->left;
        answer_body(a, p, n, found);
        p += n;
        a->left -= n;
        if (a->left == 0) a->state = a->state == LENGTH ? COMPLETE : CHUNK_END;
        break;
      }
      case CHUNK_SIZE: {
        char c = *p++;
        if (c >= '0' && c <= '9')
          a->left = a->left * 16 + (uint64_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
          a->left = a->left * 16 + (uint64_t)((c | 32) - 'a' + 10);
        else if (c == '\n')
          a->state = a->left ? CHUNK_DATA : TRAILER;
        else if (c != '\r')
          a->state = BROKEN;
        if (a->state == TRAILER) a->head_length = 0;
        break;
      }
      case CHUNK_END:
        if (*p++ == '\n') a->state = CHUNK_SIZE;
        break;
      case TRAILER:
        /* head_length counts the bytes of the current trailer line: an empty one ends the answer. */
        if (*p == '\n') {
          if (a->head_length == 0) a->state = COMPLETE;
          a->head_length = 0;
        } else if (*p != '\r') {
          a->head_length++;
        }
        p++;
        break;
      default:
        break;
    }
  }
  return (size_t)(p - bytes);
}

#endif

/* The upstream of the benchmark: one thread, epoll, HTTP/1.1 with keep-alive. What it answers is fixed, rendered
 * once, and as cheap as can be, so that what is measured is the gateway before it.
 *
 *   POST with a body that names bench-json    a chat completion of about 1 KB
 *   POST with a body that names bench-burst   200 events of about 250 bytes, as fast as the socket takes them
 *   POST with a body that names bench-words   the same text as Anthropic's messages stream it
 *   POST with a body that names bench-told    a text as Anthropic's messages give it whole
 *   POST with a body that names bench-paced   an event each 50 ms, as many as the body's max_tokens (default 100),
 *                                             each with the time it was sent: "content":"t=123456789 "
 *   GET /plain/...                            1 KB of JSON
 *
 * upstream [--port N]     port 0 (the default) takes a free one; the first line printed is the port. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

#define PERIOD_NS 50000000ull
#define BURST_EVENTS 200
#define HEAD_LIMIT 16384

typedef struct stream stream;
typedef struct connection {
  int fd;
  char *in;
  size_t in_length, in_capacity;
  /* What the socket has not taken yet: either a shared constant or `owned`. */
  const char *out;
  size_t out_length, out_sent;
  char *owned;
  stream *paced;
} connection;

/* Every paced stream has the same period, so a list kept in order of `due_ns` is a timer queue with O(1) steps. */
struct stream {
  connection *owner;
  stream *before, *after;
  uint64_t due_ns;
  unsigned left;
};

static int epoll_fd, timer_fd;
static stream queue = {.before = &queue, .after = &queue};
static unsigned streams_opened;
static char json_answer[4096], plain_answer[4096], told_answer[4096], *burst_answer, *words_answer;
static size_t json_length, plain_length, told_length, burst_length, words_length;

static const char sse_head[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
static const char chunk_head[] =
    "data: {\"id\":\"chatcmpl-bench0123456789abcdef0123\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
    "\"model\":\"%s\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench00\",\"choices\":";
static const char usage_text[] =
    "\"usage\":{\"prompt_tokens\":150,\"completion_tokens\":200,\"total_tokens\":350,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}";

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* ---- rendering ---- */

typedef enum { ROLE, CONTENT, FINISH, USAGE, END } event_kind;

/* One event as one HTTP chunk; END also closes the chunked body. `room` must hold 1 KB. */
static size_t render_event(char *room, event_kind kind, const char *model, const char *content) {
  char event[768];
  int n = 0;
  if (kind == END) return (size_t)sprintf(room, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
  n = snprintf(event, sizeof event, chunk_head, model);
  const char *choice = "[{\"index\":0,\"delta\":%s%s%s,\"logprobs\":null,\"finish_reason\":%s}]}\n\n";
  if (kind == ROLE)
    n += sprintf(event + n, choice, "{\"role\":\"assistant\",\"content\":\"", "", "\"}", "null");
  else if (kind == CONTENT)
    n += sprintf(event + n, choice, "{\"content\":\"", content, "\"}", "null");
  else if (kind == FINISH)
    n += sprintf(event + n, choice, "{", "", "}", "\"stop\"");
  else
    n += sprintf(event + n, "[],%s}\n\n", usage_text);
  return (size_t)sprintf(room, "%x\r\n%s\r\n", n, event);
}

/* One event of Anthropic's messages as one HTTP chunk. */
static size_t render_message_event(char *room, const char *name, const char *fields) {
  char event[768];
  int n = snprintf(event, sizeof event, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", name, name, fields);
  return (size_t)sprintf(room, "%x\r\n%s\r\n", n, event);
}

static char *render_words(char *end) {
  end += render_message_event(end, "message_start",
                              ",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench-words\","
                              "\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":150,\"output_tokens\":1}}");
  end += render_message_event(end, "content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
  for (int i = 0; i < BURST_EVENTS - 3; i++)
    end += render_message_event(end, "content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" hello\"}");
  end += render_message_event(end, "content_block_stop", ",\"index\":0");
  end += render_message_event(end, "message_delta",
                              ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":200}");
  end += render_message_event(end, "message_stop", "");
  return end + sprintf(end, "0\r\n\r\n");
}

static size_t render_json(char *room, const char *body) {
  return (size_t)sprintf(room, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", strlen(body), body);
}

static void render_answers(void) {
  char body[3072], filler[1024];
  memset(filler, 0, sizeof filler);
  for (size_t i = 0; i < 560; i++) filler[i] = "the quick brown fox jumps "[i % 26];
  sprintf(body,
          "{\"id\":\"chatcmpl-bench0123456789abcdef0123\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"bench-json\","
          "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null},\"logprobs\":null,"
          "\"finish_reason\":\"stop\"}],%s,\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench00\"}",
          filler, usage_text);
  json_length = render_json(json_answer, body);
  for (size_t i = 560; i < 990; i++) filler[i] = "the quick brown fox jumps "[i % 26];
  sprintf(body, "{\"id\":7,\"text\":\"%s\"}", filler);
  plain_length = render_json(plain_answer, body);

  sprintf(body,
          "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench-told\",\"content\":[{\"type\":\"text\","
          "\"text\":\"%.560s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":150,\"output_tokens\":200}}",
          filler);
  told_length = render_json(told_answer, body);

  words_answer = malloc(1024 * (BURST_EVENTS + 8));
  words_length = (size_t)(render_words(stpcpy(words_answer, sse_head)) - words_answer);
  burst_answer = malloc(1024 * (BURST_EVENTS + 4));
  char *end = stpcpy(burst_answer, sse_head);
  end += render_event(end, ROLE, "bench-burst", "");
  for (int i = 0; i < BURST_EVENTS - 3; i++) end += render_event(end, CONTENT, "bench-burst", " hello");
  end += render_event(end, FINISH, "bench-burst", "");
  end += render_event(end, USAGE, "bench-burst", "");
  end += render_event(end, END, "", "");
  burst_length = (size_t)(end - burst_answer);
}

/* ---- paced streams ---- */

static void unlink_stream(stream *s) {
  s->before->after = s->after;
  s->after->before = s->before;
}

static void insert_stream(stream *s) {
  stream *at = queue.before;
  while (at != &queue && at->due_ns > s->due_ns) at = at->before;
  s->before = at;
  s->after = at->after;
  at->after->before = s;
  at->after = s;
}

static void close_connection(connection *c) {
  if (c->paced) {
    unlink_stream(c->paced);
    free(c->paced);
  }
  close(c->fd);
  free(c->owned);
  free(c->in);
  free(c);
}

static void watch(connection *c, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

/* False when the connection is gone (and freed). */
static bool flush(connection *c) {
  while (c->out_sent < c->out_length) {
    ssize_t n = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      watch(c, EPOLLIN | EPOLLOUT);
      return true;
    }
    if (n < 0) {
      close_connection(c);
      return false;
    }
    c->out_sent += (size_t)n;
  }
  free(c->owned);
  c->owned = NULL;
  c->out_length = c->out_sent = 0;
  return true;
}

/* Sends constant bytes, which must outlive the connection. */
static bool send_constant(connection *c, const char *bytes, size_t length) {
  c->out = bytes;
  c->out_length = length;
  c->out_sent = 0;
  return flush(c);
}

/* Sends bytes after those that still wait; copied only when the socket is full. */
static bool send_copied(connection *c, const char *bytes, size_t length) {
  if (c->out_length == 0) {
    ssize_t n = send(c->fd, bytes, length, MSG_NOSIGNAL);
    if (n == (ssize_t)length) return true;
    if (n < 0 && errno != EAGAIN) {
      close_connection(c);
      return false;
    }
    if (n > 0) bytes += n, length -= (size_t)n;
  }
  size_t waiting = c->out_length - c->out_sent;
  char *joined = malloc(waiting + length);
  if (waiting) memcpy(joined, c->out + c->out_sent, waiting);
  memcpy(joined + waiting, bytes, length);
  free(c->owned);
  c->out = c->owned = joined;
  c->out_length = waiting + length;
  c->out_sent = 0;
  return flush(c);
}

static bool open_stream(connection *c, unsigned chunks) {
  char room[2048];
  size_t n = (size_t)(stpcpy(room, sse_head) - room);
  n += render_event(room + n, ROLE, "bench-paced", "");
  /* Steps of the golden ratio spread any number of streams evenly over the period. */
  uint64_t phase_ns = (uint64_t)streams_opened++ * 2654435769u % 4294967296u * PERIOD_NS >> 32;
  stream *s = malloc(sizeof *s);
  *s = (stream){.owner = c, .due_ns = now_ns() + phase_ns, .left = chunks};
  c->paced = s;
  insert_stream(s);
  return send_copied(c, room, n);
}

static bool serve(connection *c);

static void step_stream(stream *s) {
  char room[4096], stamp[32];
  connection *c = s->owner;
  unlink_stream(s);
  if (s->left == 0) {
    size_t n = render_event(room, FINISH, "bench-paced", "");
    n += render_event(room + n, USAGE, "bench-paced", "");
    n += render_event(room + n, END, "", "");
    free(s);
    c->paced = NULL;
    if (send_copied(c, room, n)) serve(c);
    return;
  }
  s->left--;
  s->due_ns += PERIOD_NS;
  insert_stream(s);
  sprintf(stamp, "t=%llu ", (unsigned long long)now_ns());
  send_copied(c, room, render_event(room, CONTENT, "bench-paced", stamp));
}

static void step_due_streams(void) {
  uint64_t now = now_ns();
  while (queue.after != &queue && queue.after->due_ns <= now) step_stream(queue.after);
  struct itimerspec at = {0};
  if (queue.after != &queue) {
    at.it_value.tv_sec = (time_t)(queue.after->due_ns / 1000000000u);
    at.it_value.tv_nsec = (long)(queue.after->due_ns % 1000000000u);
  }
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* ---- requests ---- */

static const char *find_header(const char *head, size_t length, const char *name) {
  size_t name_length = strlen(name);
  for (const char *line = head; (line = memchr(line, '\n', length - (size_t)(line - head))) != NULL;) {
    line++;
    if ((size_t)(head + length - line) <= name_length) return NULL;
    if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
      line += name_length + 1;
      while (*line == ' ') line++;
      return line;
    }
  }
  return NULL;
}

/* Length of a whole chunked body at `body`, 0 while it is not all there. */
static size_t chunked_length(const char *body, size_t length) {
  size_t at = 0;
  for (;;) {
    const char *line_end = memmem(body + at, length - at, "\r\n", 2);
    if (!line_end) return 0;
    size_t size = strtoul(body + at, NULL, 16);
    at = (size_t)(line_end - body) + 2 + size + 2;
    if (at > length) return 0;
    if (size == 0) return at;
  }
}

static bool answer(connection *c, const char *head, const char *body, size_t body_length) {
  if (strncmp(head, "GET /plain/", 11) == 0) return send_constant(c, plain_answer, plain_length);
  const char *model = memmem(body, body_length, "bench-", 6);
  size_t left = model ? body_length - (size_t)(model - body) : 0;
  if (left > 10 && memcmp(model, "bench-json", 10) == 0) return send_constant(c, json_answer, json_length);
  if (left > 11 && memcmp(model, "bench-burst", 11) == 0) return send_constant(c, burst_answer, burst_length);
  if (left > 11 && memcmp(model, "bench-words", 11) == 0) return send_constant(c, words_answer, words_length);
  if (left > 10 && memcmp(model, "bench-told", 10) == 0) return send_constant(c, told_answer, told_length);
  if (left > 11 && memcmp(model, "bench-paced", 11) == 0) {
    /* max_tokens and max_completion_tokens alike: a gateway may send either. */
    const char *cap = memmem(body, body_length, "_tokens\":", 9);
    return open_stream(c, cap ? (unsigned)strtoul(cap + 9, NULL, 10) : 100);
  }
  static const char unknown[] = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
  return send_constant(c, unknown, sizeof unknown - 1);
}

/* Answers what has arrived whole. False when the connection is gone. */
static bool serve(connection *c) {
  while (c->in_length > 0 && c->paced == NULL && c->out_length == 0) {
    char *head_end = memmem(c->in, c->in_length, "\r\n\r\n", 4);
    if (!head_end) {
      if (c->in_length < HEAD_LIMIT) return true;
      close_connection(c);
      return false;
    }
    size_t head_length = (size_t)(head_end - c->in) + 4, body_length = 0;
    const char *value = find_header(c->in, head_length, "content-length");
    if (value) {
      body_length = strtoul(value, NULL, 10);
      if (c->in_length < head_length + body_length) return true;
    } else if (find_header(c->in, head_length, "transfer-encoding")) {
      body_length = chunked_length(c->in + head_length, c->in_length - head_length);
      if (body_length == 0) return true;
    }
    if (!answer(c, c->in, c->in + head_length, body_length)) return false;
    c->in_length -= head_length + body_length;
    memmove(c->in, c->in + head_length + body_length, c->in_length);
  }
  return true;
}

static void read_connection(connection *c) {
  for (;;) {
    /* One byte is kept for a terminator, so that strtoul never runs past the end. */
    if (c->in_capacity - c->in_length < 2048) {
      c->in_capacity = c->in_capacity ? c->in_capacity * 2 : 4096;
      c->in = realloc(c->in, c->in_capacity);
    }
    size_t room = c->in_capacity - c->in_length - 1;
    ssize_t n = recv(c->fd, c->in + c->in_length, room, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return close_connection(c);
    c->in_length += (size_t)n;
    c->in[c->in_length] = 0;
    if (!serve(c)) return;
    if ((size_t)n < room) return;
  }
}

static void accept_connections(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
  }
}

int main(int argc, char **argv) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  render_answers();

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (argc == 3 && strcmp(argv[1], "--port") == 0) address.sin_port = htons((uint16_t)atoi(argv[2]));
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0) die("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  event.data.ptr = &timer_fd;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event);

  struct epoll_event events[256];
  for (;;) {
    int n = epoll_wait(epoll_fd, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == &listener) {
        accept_connections(listener);
      } else if (events[i].data.ptr != &timer_fd) {
        connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) {
          if (!flush(c)) continue;
          if (c->out_length == 0) {
            watch(c, EPOLLIN);
            if (!serve(c)) continue;
          }
        }
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_connection(c);
      }
    }
    /* Last, because a step may close any connection, and this batch must not hold one that is gone. */
    step_due_streams();
  }
}

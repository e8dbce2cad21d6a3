/* The load generator of the benchmark: one thread, epoll, HTTP/1.1 with keep-alive.
 *
 *   closed  each of --connections sends its next request when the last is answered: what can it carry?
 *   open    --rate requests a second whatever the answers do, each timed from when it was due to be sent, so that
 *           a stall shows in every request it delayed: how long does one wait?
 *   paced   --streams at once, opened over --ramp-ms; times each event from its stamp to its arrival, and proves
 *           that none was lost
 *
 * Marks `begin` and `end` of the measured window on stderr, then prints one line of JSON on stdout. Durations in it
 * are microseconds. Anything but a whole, right answer with status 200 counts as failed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "histogram.h"

#define SECOND 1000000000ull
#define DRAIN_LIMIT (15 * SECOND)
#define PERIOD_NS 50000000ull
/* The open loop starts with --connections and adds more while answers are late. */
#define MOST_CONNECTIONS 4096

typedef enum { FREE, CONNECTING, SENDING, WAITING } connection_state;

typedef struct connection {
  int fd;
  connection_state state;
  uint64_t due_ns;
  size_t sent;
  bool reused;
  answer answer;
  struct connection *next_free;
} connection;

typedef struct {
  const char *mode, *host, *path, *bearer, *model;
  int port, connections, streams, stream;
  long chunks, events, prompt_bytes, tools, keys, ramp_ms;
  double rate, seconds, warmup;
} options;

static options opt = {.mode = "closed", .host = "127.0.0.1", .path = "/v1/chat/completions", .connections = 64,
                      .streams = 1000, .prompt_bytes = 700, .ramp_ms = 1000, .rate = 500, .seconds = 5, .warmup = 1};

static int epoll_fd, timer_fd;
static struct sockaddr_in server;
static connection *connections, *free_first, *free_last;
static int opened, most, in_flight;
static char *request, *key_digits;
static size_t request_length;
static bool closed_loop, paced;
static uint64_t begin_ns, end_ns, now, first_due_ns, interval_ns, next_index, limit;
static histogram whole, first, delay;
static uint64_t answered, failed, window_events, bytes_read, random_state = 88172645463325252ull;
static double cpu_seconds;
static char first_failure[256];
static char buffer[1 << 18];

static void fail(const char *what, const char *detail) {
  if (failed++ == 0) snprintf(first_failure, sizeof first_failure, "%s%s%.120s", what, *detail ? ": " : "", detail);
}

static bool in_window(uint64_t at_ns) {
  return at_ns >= begin_ns && at_ns < end_ns;
}

static void take_stamp(uint64_t stamp_ns) {
  if (in_window(now)) histogram_add(&delay, now > stamp_ns ? now - stamp_ns : 0);
}

/* ---- the request ---- */

#define TOOL_ROOM 512

/* As long as those of real agents: a description, and two parameters with theirs. */
static int render_tool(char *at, long index) {
  return snprintf(at, TOOL_ROOM,
                  "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%06ld\",\"description\":\"Looks up the weather of a city for "
                  "some of the coming days.\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\","
                  "\"description\":\"Name of the city.\"},\"days\":{\"type\":\"integer\",\"description\":\"How many of them.\"}},"
                  "\"required\":[\"city\"],\"additionalProperties\":false}}}",
                  index ? "," : "", index);
}

static void render_request(void) {
  size_t room = (size_t)opt.prompt_bytes + 2048 + (size_t)opt.tools * TOOL_ROOM;
  char *body = calloc(1, room), authorization[256] = "";
  request = calloc(1, room + 1024);
  if (opt.bearer) snprintf(authorization, sizeof authorization, "authorization: Bearer %s%s\r\n", opt.bearer, opt.keys ? "000000" : "");
  if (opt.model) {
    char *at = body + sprintf(body,
                              "{\"model\":\"%s\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"
                              "{\"role\":\"user\",\"content\":\"",
                              opt.model);
    for (long i = 0; i < opt.prompt_bytes; i++) *at++ = "the quick brown fox jumps over the lazy dog "[i % 44];
    at += sprintf(at, "\"}],\"temperature\":0.7");
    if (opt.tools) at += sprintf(at, ",\"tools\":[");
    for (long i = 0; i < opt.tools; i++) at += render_tool(at, i);
    if (opt.tools) at += sprintf(at, "]");
    if (opt.chunks) at += sprintf(at, ",\"max_tokens\":%ld", opt.chunks);
    /* Asked for by the client, so that a gateway that needs usage has no reason to change the stream. */
    if (opt.stream) at += sprintf(at, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    sprintf(at, "}");
    request_length = (size_t)sprintf(request,
                                     "POST %s HTTP/1.1\r\nhost: %s:%d\r\n%suser-agent: bench\r\naccept: */*\r\n"
                                     "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                                     opt.path, opt.host, opt.port, authorization, strlen(body), body);
  } else {
    request_length = (size_t)sprintf(request, "GET %s HTTP/1.1\r\nhost: %s:%d\r\n%suser-agent: bench\r\naccept: */*\r\n\r\n",
                                     opt.path, opt.host, opt.port, authorization);
  }
  if (opt.bearer && opt.keys) key_digits = strstr(request, "000000\r\n");
  free(body);
}

/* The digits lie in the first bytes of the request, which one write always takes: so one buffer serves all. */
static void choose_key(void) {
  random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
  uint64_t key = random_state % (uint64_t)opt.keys;
  for (int i = 5; i >= 0; i--, key /= 10) key_digits[i] = (char)('0' + key % 10);
}

/* ---- connections ---- */

static void watch(connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll_fd, operation, c->fd, &event);
}

static void connect_again(connection *c) {
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->state = CONNECTING;
  c->reused = false;
  if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) fail("connect", strerror(errno));
  watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

/* First in, first out: requests go round all connections, as those of many clients would, and so reach every thread
 * of a gateway that spreads connections over threads. */
static void give_back(connection *c) {
  c->state = FREE;
  c->next_free = NULL;
  if (free_first)
    free_last->next_free = c;
  else
    free_first = c;
  free_last = c;
}

static void add_connection(void) {
  connections[opened].fd = -1;
  give_back(&connections[opened++]);
}

/* Ends an exchange that went wrong; the connection is opened anew when it is next used. */
static void give_up(connection *c, const char *what, const char *detail) {
  fail(what, detail);
  close(c->fd);
  c->fd = -1;
  in_flight--;
  give_back(c);
}

static void send_request(connection *c) {
  if (c->sent == 0 && opt.keys) choose_key();
  while (c->sent < request_length) {
    ssize_t n = send(c->fd, request + c->sent, request_length - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      c->state = SENDING;
      return watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    if (n < 0) return give_up(c, "send", strerror(errno));
    c->sent += (size_t)n;
  }
  if (c->state != WAITING) watch(c, EPOLL_CTL_MOD, EPOLLIN);
  c->state = WAITING;
}

static void start(connection *c, uint64_t due_ns) {
  c->due_ns = due_ns;
  c->sent = 0;
  answer_reset(&c->answer);
  in_flight++;
  if (c->fd < 0) return connect_again(c);
  c->state = WAITING;
  c->reused = true;
  send_request(c);
}

static void finish(connection *c) {
  answer *a = &c->answer;
  char text[64];
  if (a->status != 200) {
    snprintf(text, sizeof text, "%d", a->status);
    return give_up(c, "status", text);
  }
  snprintf(text, sizeof text, "%llu events, %llu stamps", (unsigned long long)a->events, (unsigned long long)a->stamps);
  if (opt.stream && !answer_ends_done(a)) return give_up(c, "stream without its end", text);
  if (opt.events && a->events != (uint64_t)opt.events) return give_up(c, "wrong number of events", text);
  if (opt.chunks && a->stamps != (uint64_t)opt.chunks) return give_up(c, "wrong number of chunks", text);
  if (a->bytes == 0) return give_up(c, "empty answer", "");
  if (in_window(closed_loop ? now : c->due_ns)) {
    answered++;
    histogram_add(&whole, now - c->due_ns);
  }
  in_flight--;
  if (a->closes) {
    close(c->fd);
    c->fd = -1;
  }
  give_back(c);
}

static void read_answer(connection *c) {
  for (;;) {
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    now = now_ns();
    if (c->state == FREE) {
      /* A server may close an idle connection; it may not speak on one. */
      if (n > 0) fail("bytes on an idle connection", "");
      close(c->fd);
      c->fd = -1;
      return;
    }
    if (n <= 0) return give_up(c, c->reused ? "closed before its answer" : "new connection closed", n < 0 ? strerror(errno) : "");
    bool had_body = c->answer.bytes > 0;
    uint64_t events_before = c->answer.events;
    size_t taken = answer_take(&c->answer, buffer, (size_t)n, opt.chunks ? take_stamp : NULL);
    if (in_window(now)) {
      window_events += c->answer.events - events_before;
      bytes_read += (size_t)n;
    }
    if (!had_body && c->answer.bytes > 0 && in_window(closed_loop ? now : c->due_ns)) histogram_add(&first, now - c->due_ns);
    if (c->answer.state == BROKEN || taken < (size_t)n) return give_up(c, "not an HTTP/1.1 answer", "");
    if (c->answer.state == COMPLETE) return finish(c);
    if ((size_t)n < sizeof buffer) return;
  }
}

static void handle_event(connection *c, uint32_t events) {
  if (c->fd < 0) return;
  if (c->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) return give_up(c, "connect", strerror(error));
    return send_request(c);
  }
  if (events & EPOLLOUT && c->state == SENDING) send_request(c);
  if (c->fd >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_answer(c);
}

/* ---- the schedule ---- */

static uint64_t due_of(uint64_t index) {
  return first_due_ns + index * interval_ns;
}

/* Starts all that is due and has a connection. What finds none starts later, timed from when it was due. */
static void start_due(void) {
  now = now_ns();
  while (next_index < limit) {
    uint64_t due_ns = closed_loop ? now : due_of(next_index);
    if (due_ns > now || (!paced && due_ns >= end_ns)) return;
    if (!free_first && opened < most) add_connection();
    connection *c = free_first;
    if (!c) return;
    free_first = c->next_free;
    next_index++;
    start(c, due_ns);
    if (failed > 1000) return;
  }
}

static void arm_timer(uint64_t at_ns) {
  struct itimerspec at = {.it_value = {(time_t)(at_ns / SECOND), (long)(at_ns % SECOND)}};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static double own_cpu_seconds(void) {
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  return (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) + (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
}

static void run(void) {
  struct epoll_event events[512];
  bool begun = false, ended = false;
  uint64_t give_up_ns = (paced ? first_due_ns + (uint64_t)opt.ramp_ms * 1000000 + (uint64_t)opt.chunks * PERIOD_NS : end_ns) + DRAIN_LIMIT;
  for (;;) {
    start_due();
    if (!begun && now >= begin_ns) begun = true, cpu_seconds = -own_cpu_seconds(), fputs("begin\n", stderr);
    if (!ended && now >= end_ns) ended = true, cpu_seconds += own_cpu_seconds(), fputs("end\n", stderr);
    bool all_sent = paced ? next_index == limit : now >= end_ns;
    if (ended && all_sent && in_flight == 0) return;
    if (failed > 1000 || now > give_up_ns) {
      if (in_flight) fail("unanswered at the end", "");
      return;
    }
    uint64_t wake_ns = !begun ? begin_ns : !ended ? end_ns : give_up_ns;
    bool waits_for_time = !closed_loop && next_index < limit && (free_first || opened < most);
    if (waits_for_time && (paced || due_of(next_index) < end_ns) && due_of(next_index) < wake_ns) wake_ns = due_of(next_index);
    arm_timer(wake_ns > now ? wake_ns : now + 1);
    int n = epoll_wait(epoll_fd, events, 512, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) handle_event(events[i].data.ptr, events[i].events);
    }
  }
}

/* ---- options and report ---- */

static void read_options(int argc, char **argv) {
  static const struct option names[] = {
      {"mode", 1, 0, 'm'},    {"host", 1, 0, 'h'},   {"port", 1, 0, 'p'},    {"path", 1, 0, 'P'},         {"bearer", 1, 0, 'b'},
      {"model", 1, 0, 'M'},   {"stream", 0, 0, 's'}, {"chunks", 1, 0, 'n'},  {"events", 1, 0, 'e'},       {"connections", 1, 0, 'c'},
      {"streams", 1, 0, 'S'}, {"rate", 1, 0, 'r'},   {"seconds", 1, 0, 't'}, {"warmup", 1, 0, 'w'},       {"keys", 1, 0, 'k'},
      {"ramp-ms", 1, 0, 'R'}, {"prompt-bytes", 1, 0, 'B'}, {"tools", 1, 0, 'T'},  {0, 0, 0, 0},
  };
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (c) {
      case 'm': opt.mode = optarg; break;
      case 'h': opt.host = optarg; break;
      case 'p': opt.port = atoi(optarg); break;
      case 'P': opt.path = optarg; break;
      case 'b': opt.bearer = optarg; break;
      case 'M': opt.model = optarg; break;
      case 's': opt.stream = 1; break;
      case 'n': opt.chunks = atol(optarg); break;
      case 'e': opt.events = atol(optarg); break;
      case 'c': opt.connections = atoi(optarg); break;
      case 'S': opt.streams = atoi(optarg); break;
      case 'r': opt.rate = atof(optarg); break;
      case 't': opt.seconds = atof(optarg); break;
      case 'w': opt.warmup = atof(optarg); break;
      case 'k': opt.keys = atol(optarg); break;
      case 'R': opt.ramp_ms = atol(optarg); break;
      case 'B': opt.prompt_bytes = atol(optarg); break;
      case 'T': opt.tools = atol(optarg); break;
      default: exit(2);
    }
  }
  closed_loop = strcmp(opt.mode, "closed") == 0;
  paced = strcmp(opt.mode, "paced") == 0;
  if (!opt.port || (!closed_loop && !paced && strcmp(opt.mode, "open") != 0) || (paced && opt.chunks == 0)) {
    fputs("usage: load --port N [--mode closed|open|paced] [--model M --stream --chunks N] …\n", stderr);
    exit(2);
  }
}

static void report(void) {
  double seconds = (double)(end_ns - begin_ns) / 1e9;
  printf("{\"mode\":\"%s\",\"seconds\":%.3f,\"answered\":%llu,\"failed\":%llu,\"firstFailure\":\"", opt.mode, seconds,
         (unsigned long long)answered, (unsigned long long)failed);
  for (char *p = first_failure; *p; p++) putchar(*p < ' ' || *p == '"' || *p == '\\' ? '?' : *p);
  printf("\",\"requestBytes\":%zu,\"answersPerSecond\":%.1f,\"eventsPerSecond\":%.1f,\"megabytesPerSecond\":%.1f,\"cpuSeconds\":%.3f,",
         request_length, (double)answered / seconds, (double)window_events / seconds, (double)bytes_read / seconds / 1e6, cpu_seconds);
  histogram_print(stdout, "whole", &whole);
  putchar(',');
  histogram_print(stdout, "first", &first);
  putchar(',');
  histogram_print(stdout, "delay", &delay);
  puts("}");
}

int main(int argc, char **argv) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  read_options(argc, argv);
  render_request();
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
  if (inet_pton(AF_INET, opt.host, &server.sin_addr) != 1) return 2;

  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event);

  limit = UINT64_MAX;
  if (paced) {
    opt.connections = 0;
    limit = (uint64_t)opt.streams;
    opt.rate = opt.ramp_ms ? (double)opt.streams * 1000 / (double)opt.ramp_ms : 1e9;
  }
  most = closed_loop ? opt.connections : paced ? opt.streams : MOST_CONNECTIONS;
  connections = calloc((size_t)most, sizeof *connections);
  for (int i = 0; i < opt.connections; i++) add_connection();
  interval_ns = (uint64_t)(1e9 / opt.rate);
  first_due_ns = now_ns() + 1000000;
  begin_ns = first_due_ns + (uint64_t)(opt.warmup * 1e9) + (paced ? (uint64_t)opt.ramp_ms * 1000000 : 0);
  /* Paced streams are measured while all are open: until the first, which lasts as long as every other, ends. */
  end_ns = paced ? first_due_ns + (uint64_t)opt.chunks * PERIOD_NS : begin_ns + (uint64_t)(opt.seconds * 1e9);
  if (end_ns <= begin_ns) {
    fputs("load: the streams end before all are open\n", stderr);
    return 2;
  }
  run();
  report();
  return 0;
}

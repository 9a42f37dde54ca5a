/* One log line per event, to standard error: `2020-03-18T10:28:00.123Z warn net: text`. */
#ifndef MUSTER_BASE_LOG_H
#define MUSTER_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped. Any thread. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* LOG_DEBUG..LOG_ERROR for "debug" "info" "warn" "error", or -1. */
int log_level_parse(const char *name);
/* Write one line (control characters are escaped, length cut at 2 KiB). Any thread. */
void log_write(enum log_level level, const char *module, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* From now on lines go to `sink` instead of standard error, `text` cut but not escaped; NULL: back. Any thread. */
void log_set_sink(void (*sink)(enum log_level level, const char *module, const char *text));

#define log_debug(module, ...) log_write(LOG_DEBUG, module, __VA_ARGS__)
#define log_info(module, ...) log_write(LOG_INFO, module, __VA_ARGS__)
#define log_warn(module, ...) log_write(LOG_WARN, module, __VA_ARGS__)
#define log_error(module, ...) log_write(LOG_ERROR, module, __VA_ARGS__)

#endif

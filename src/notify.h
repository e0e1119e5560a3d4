/* Tells the service manager how far the server is (systemd's Type=notify). Without one, both do
 * nothing. A failure is only logged. Main thread. */
#ifndef TALLYCAST_NOTIFY_H
#define TALLYCAST_NOTIFY_H

/* Connections are taken from now on. */
void notify_ready(void);

/* The server begins to stop. */
void notify_stopping(void);

#endif

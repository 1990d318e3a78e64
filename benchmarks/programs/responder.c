/* A SCPI instrument on a pseudo-terminal: says its path, then answers every line with the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

static const char ANSWER[] = "+1.23456E+00\n";

int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int ours = posix_openpt(O_RDWR | O_NOCTTY);
    if (ours < 0 || grantpt(ours) || unlockpt(ours))
        return 1;
    const char *path = ptsname(ours);
    int theirs = open(path, O_RDWR | O_NOCTTY); /* held open: no hang-up between two clients */
    struct termios settings;
    if (theirs < 0 || tcgetattr(theirs, &settings))
        return 1;
    cfmakeraw(&settings);
    tcsetattr(theirs, TCSANOW, &settings);
    printf("%s\n", path);
    fflush(stdout);
    char asked[256];
    for (;;) {
        ssize_t count = read(ours, asked, sizeof asked);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return 0;
        for (ssize_t at = 0; at < count; at++)
            if (asked[at] == '\n' && write(ours, ANSWER, sizeof ANSWER - 1) < 0)
                return 0;
    }
}

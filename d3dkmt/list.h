/* Chains of objects in both directions; a head is a link of its own. Zero bytes are no chain. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "memoryapi/base.h"

struct kmt_link {
    struct kmt_link *next, *previous;
};

static inline void link_init(struct kmt_link *head)
{
    head->next = head->previous = head;
}

static inline bool link_is_empty(const struct kmt_link *head)
{
    return head->next == head;
}

/* Last in the chain of `head`. */
static inline void link_add(struct kmt_link *head, struct kmt_link *link)
{
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}

static inline void link_remove(struct kmt_link *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
    link->next = link->previous = link;
}

#define link_first(head, type, member) container_of((head)->next, type, member)
#define link_each(at, head)            for (struct kmt_link *at = (head)->next; at != (head); at = at->next)

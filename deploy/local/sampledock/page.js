// The refund desk: each button is one of the five actions, and one of them is three in a row.
(() => {
  /** @param {string} selector */
  const $ = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

  /**
   * Each acts on the context that was current when the agent clicked.
   * @type {Record<string, (context: import("/sdk/dock.js").Context, field: (name: string) => string) => Promise<unknown>>}
   */
  const work = {
    addTag: (context, field) => context.addTag(field('tag')),
    assign: (context, field) => context.assign({ teamName: field('team') }),
    snooze: (context, field) => context.snooze(new Date(Date.now() + Number(field('minutes')) * 60_000)),
    async refund(context, field) {
      // Here your own back end would be asked, with context.token.
      await context.sendMessage(`We have refunded ${field('amount')} EUR. It takes two to three days to arrive.`);
      await context.addTag('refunded');
      return context.resolve();
    },
  };

  AtenderDock.onContext(({ contact, conversation, theme }) => {
    document.documentElement.dataset.theme = theme;
    $('#who').textContent = contact.name ?? contact.email ?? 'No name';
    const order = conversation.customFields.order_id ?? 'unknown';
    $('#about').textContent = [`Order ${order}`, conversation.status, ...conversation.tags].join(' · ');
  });

  addEventListener('submit', async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const fields = new FormData(form);
    try {
      if (!AtenderDock.context) throw new Error('open this page as a dock');
      await work[form.dataset.do ?? ''](AtenderDock.context, (name) => String(fields.get(name)));
      $('#said').textContent = 'Done.';
    } catch (error) {
      const code = error instanceof AtenderDock.DockError ? error.code : 'Error';
      $('#said').textContent = `${code}: ${error instanceof Error ? error.message : error}`;
    }
  });
})();

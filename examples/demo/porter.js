// Makes a message for the porter's chat of an inquiry. Everything else is for others.
function transform(event) {
  const { title, category, tenant, unit } = event.data;
  if (category.id !== "general-inquiry") return { skip: "it is no inquiry" };
  const plain = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  return { body: { text: `*Inquiry* of ${plain(tenant.name)}, ${plain(unit.name)}\n${plain(title)}` } };
}

// Lets a form ask a security key. The form's JSON says what to ask; the answer goes into its hidden field "credential".
(() => {
  "use strict";

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));

  const add = async (data) => {
    const options = data.creation_options.publicKey;
    const key = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: known(options.excludeCredentials),
      },
    });
    const { clientDataJSON, attestationObject } = key.response;
    return answer(key, {
      clientDataJSON: text(clientDataJSON),
      attestationObject: text(attestationObject),
      transports: key.response.getTransports ? key.response.getTransports() : [],
    });
  };

  const ask = async (data) => {
    const options = data.request_options.publicKey;
    const key = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: known(options.allowCredentials),
      },
    });
    const { clientDataJSON, authenticatorData, signature, userHandle } = key.response;
    return answer(key, {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    });
  };

  const answer = (key, response) => ({
    id: key.id,
    rawId: text(key.rawId),
    type: key.type,
    clientExtensionResults: key.getClientExtensionResults(),
    response,
  });

  for (const form of document.querySelectorAll("form[data-webauthn]")) {
    const ceremony = form.dataset.webauthn === "add" ? add : ask;
    const failed = form.querySelector("[data-webauthn-failed]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      failed.hidden = true;
      try {
        const data = JSON.parse(form.querySelector('script[type="application/json"]').textContent);
        form.elements.credential.value = JSON.stringify(await ceremony(data));
        form.submit();
      } catch (error) {
        console.warn(error);
        failed.hidden = false;
      }
    });
  }
})();
